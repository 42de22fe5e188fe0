-- Black-76 in plain SQL, for whoever opens the warehouse with a stock DuckDB, where the compiled kernels
-- of black76.py cannot be: the same functions, the same answers (NULL instead of a wrong number), the
-- same formulas. test_black76_macros.py holds them to the kernels and to 60-digit vectors.
--
-- A macro is text put in place of its call, so that a value used twice would be computed twice.
-- list_transform([x], lambda v: ...)[1] gives a value a name; each name is of one macro only, because
-- the text of an argument may stand inside. Numbers end in e0 because a literal without exponent is a
-- DECIMAL, whose way to DOUBLE costs the last digit.

-- e^(x²)·erfc(x) for x >= 0: Cody, Rational Chebyshev approximations for the error function, 1969.
create or replace macro black76_erfcx(x) as
case
    when x <= 0.46875e0 then
        exp(x * x) * (
            1e0 - x * (
                ((((1.85777706184603153e-1 * x * x + 3.16112374387056560e0) * x * x + 1.13864154151050156e2)
                * x * x + 3.77485237685302021e2) * x * x + 3.20937758913846947e3)
                / ((((x * x + 2.36012909523441209e1) * x * x + 2.44024637934444173e2)
                * x * x + 1.28261652607737228e3) * x * x + 2.84423683343917062e3)
            )
        )
    when x <= 4e0 then
        ((((((((2.15311535474403846e-8 * x + 5.64188496988670089e-1) * x + 8.88314979438837594e0)
        * x + 6.61191906371416295e1) * x + 2.98635138197400131e2) * x + 8.81952221241769090e2)
        * x + 1.71204761263407058e3) * x + 2.05107837782607147e3) * x + 1.23033935479799725e3)
        / ((((((((x + 1.57449261107098347e1) * x + 1.17693950891312499e2) * x + 5.37181101862009858e2)
        * x + 1.62138957456669019e3) * x + 3.29079923573345963e3) * x + 4.36261909014324716e3)
        * x + 3.43936767414372164e3) * x + 1.23033935480374942e3)
    else
        list_transform(
            [1e0 / (x * x)],
            lambda sq: (
                5.6418958354775628695e-1
                - sq * (((((1.63153871373020978e-2 * sq + 3.05326634961232344e-1) * sq + 3.60344899949804439e-1)
                * sq + 1.25781726111229246e-1) * sq + 1.60837851487422766e-2) * sq + 6.58749161529837803e-4)
                / (((((sq + 2.56852019228982242e0) * sq + 1.87295284992346047e0) * sq + 5.27905102951428412e-1)
                * sq + 6.05183413124413191e-2) * sq + 2.33520497626869185e-3)
            ) / x
        )[1]
end;

-- erfc(x); e^(-x²) in two factors, because x² has lost digits that its exponential would show.
create or replace macro black76_erfc(x) as
list_transform(
    [abs(x)],
    lambda size: case
        when size > 27e0 then if(x > 0e0, 0e0, 2e0)
        else list_transform(
            [
                black76_erfcx(size)
                * exp(-(floor(16e0 * size) / 16e0) * (floor(16e0 * size) / 16e0))
                * exp(-(size - floor(16e0 * size) / 16e0) * (size + floor(16e0 * size) / 16e0))
            ],
            lambda tail: if(x < 0e0, 2e0 - tail, tail)
        )[1]
    end
)[1];

-- ln(1 + x), to full accuracy also for small x.
create or replace macro black76_log1p(x) as if(abs(x) < 0.5e0, 2e0 * atanh(x / (2e0 + x)), ln(1e0 + x));

-- ln(F/K), to full accuracy also for neighbours.
create or replace macro black76_log_moneyness(forward, strike) as
if(
    abs(forward - strike) < 0.5e0 * strike,
    2e0 * atanh((forward - strike) / (forward + strike)),
    ln(forward / strike)
);

-- The out-of-the-money price over sqrt(F·K), for -37 <= h <= 0 and t > 0 (see black76.py).
create or replace macro black76_otm_price(h, t) as
case
    when t < 0.03e0 then list_transform(
        [{
            y0: 1.2533141373155002512e0 * black76_erfcx(-h * 0.70710678118654752440e0),
            u: 0.5e0 * t * t
        }],
        lambda first: list_transform(
            [{y1: 1e0 + h * first.y0, y2: first.y0 + h * (1e0 + h * first.y0)}],
            lambda second: list_transform(
                [{
                    y3: 2e0 * second.y1 + h * second.y2,
                    y4: 3e0 * second.y2 + h * (2e0 * second.y1 + h * second.y2)
                }],
                lambda third: list_transform(
                    [4e0 * third.y3 + h * third.y4],
                    lambda y5: black76_vega(h, t) * 2e0 * t * (
                        second.y1 + 2e0 * first.u * (
                            third.y3 / 6e0 + 2e0 * first.u * (
                                y5 / 120e0
                                + 2e0 * first.u * (6e0 * y5 + h * (5e0 * third.y4 + h * y5)) / 5040e0
                            )
                        )
                    )
                )[1]
            )[1]
        )[1]
    )[1]
    else 0.5e0 * (
        exp(h * t) * black76_erfc(-(h + t) * 0.70710678118654752440e0)
        - exp(-h * t) * black76_erfc(-(h - t) * 0.70710678118654752440e0)
    )
end;

-- The derivative of that price by s.
create or replace macro black76_vega(h, t) as
0.39894228040143267794e0 * exp(-0.5e0 * h * h) * exp(-0.5e0 * t * t);

-- The distance of that price to its ceiling, which has the digits when the price is near it.
create or replace macro black76_otm_room(h, t) as
0.5e0 * (
    exp(h * t) * black76_erfc((h + t) * 0.70710678118654752440e0)
    + exp(-h * t) * black76_erfc(-(h - t) * 0.70710678118654752440e0)
);

-- About the s of an option of price beta over sqrt(F·K), distance |ln(F/K)|; within 1 % for small s.
create or replace macro black76_start(beta, distance) as
case
    when distance / beta < 6.6551735e0 then list_transform(
        [distance / beta],
        lambda ratio: beta * (
            1e0 + ratio * (1.686208964455038e0 + ratio * (8.712513958977567e-1
            + ratio * (1.4854482477170453e-1 + ratio * 6.023339053442944e-3)))
        ) / (
            3.9894227710190283e-1 + ratio * (4.732295130307875e-1 + ratio * (1.427038362850754e-1
            + ratio * (9.726506315519788e-3 + ratio * 2.8373915882024885e-5)))
        )
    )[1]
    else list_transform(
        [1e0 / sqrt(ln(distance / beta))],
        lambda root: distance * root * (
            1e0 + root * (3.6475463673273842e0 + root * (-1.3016058231396341e1
            + root * (4.087893615891273e1 + root * (-4.482759473347663e1 + root * 5.378217902701095e1))))
        ) / (
            1.4146891292905779e0 + root * (5.091316487072783e0 + root * (-2.667970178153533e1
            + root * (6.735449629274466e1 + root * (-7.042314797013675e1 + root * 4.4787936149571294e1))))
        )
    )[1]
end;

-- One step of Halley's method on ln(price now / target). A found s is given back as -s and then stays.
create or replace macro black76_step(s, target, distance, upper) as
case
    when s < 0e0 then s
    when distance > 37e0 * s then greatest(1.3e0 * s, distance / 30e0)
    else list_transform(
        [if(
            upper,
            black76_otm_room(-distance / s, 0.5e0 * s),
            black76_otm_price(-distance / s, 0.5e0 * s)
        )],
        lambda now: case
            when not now > 0e0 then s * if(upper, 0.7e0, 1.3e0)
            else list_transform(
                [{
                    f: if(
                        abs(now / target - 1e0) < 0.5e0,
                        black76_log1p(now / target - 1e0),
                        ln(now / target)
                    ),
                    slope: if(upper, -1e0, 1e0) * black76_vega(-distance / s, 0.5e0 * s) / now
                }],
                lambda newton: list_transform(
                    [least(greatest(
                        -(newton.f / newton.slope)
                        / greatest(
                            1e0 - 0.5e0 * (newton.f / newton.slope)
                            * ((distance / s) * (distance / s) / s - 0.25e0 * s - newton.slope),
                            0.3e0
                        ),
                        -0.6e0 * s
                    ), 2e0 * s)],
                    lambda move: if(abs(move) < 3e-6 * (s + move), -(s + move), s + move)
                )[1]
            )[1]
        end
    )[1]
end;

-- The total volatility s of an undiscounted price, NULL where there is none. `a`: f, k, p, is_call.
create or replace macro black76_total_vol(option) as
list_transform(
    [greatest(if(option.is_call, option.f - option.k, option.k - option.f), 0e0)],
    lambda intrinsic: list_transform(
        [{
            value: option.p - intrinsic,
            room: least(option.f, option.k) - (option.p - intrinsic),
            ceiling: least(option.f, option.k),
            scale: sqrt(option.f) * sqrt(option.k)
        }],
        lambda bounds: case
            when
                bounds.value > if(intrinsic > 0e0, 1.8e-15 * option.p, 0e0)
                and bounds.room > 1.8e-15 * greatest(option.p, bounds.ceiling)
                then list_transform(
                    [{
                        beta: bounds.value / bounds.scale,
                        distance: abs(black76_log_moneyness(option.f, option.k)),
                        upper: bounds.value > 0.5e0 * bounds.ceiling,
                        target: if(bounds.value > 0.5e0 * bounds.ceiling, bounds.room, bounds.value)
                            / bounds.scale
                    }],
                    lambda goal: case
                        when goal.target > 0e0
                            then list_transform(
                                [list_reduce(
                                    black76_steps(),
                                    lambda guess, _:
                                        black76_step(guess, goal.target, goal.distance, goal.upper),
                                    black76_start(goal.beta, goal.distance)
                                )],
                                lambda found: if(found < 0e0, -found, null)
                            )[1]
                    end
                )[1]
        end
    )[1]
)[1];

-- As many places as there may be steps: two or three in a market, twelve at the edges of the double.
create or replace macro black76_steps() as range(20)::double[];

-- The arguments by name, when they are possible: with `v` a sigma or a price. Else NULL.
create or replace macro black76_arguments(forward, strike, years, v, rate, "right") as
list_transform(
    [{
        f: forward::double, k: strike::double, t: years::double, v: v::double, r: rate::double,
        is_call: case "right" when 'C' then true when 'P' then false end,
        discount: exp(-rate::double * years::double)
    }],
    lambda given: case
        when
            given.f > 0e0 and given.k > 0e0 and given.t > 0e0 and given.v > 0e0
            and given.f + given.k < 'inf'::double and given.t < 'inf'::double
            and given.v < 'inf'::double and isfinite(given.r)
            and given.discount > 0e0 and given.discount < 'inf'::double and given.is_call is not null
            then given
    end
)[1];

create or replace macro black76_finite(x) as
list_transform([x], lambda answer: if(isfinite(answer), answer, null))[1];

create or replace macro black76_iv(forward, strike, years, price, rate, "right") as
list_transform(
    [black76_arguments(forward, strike, years, price, rate, "right")],
    lambda priced: case
        when priced is not null then
            list_transform(
                [{f: priced.f, k: priced.k, p: priced.v / priced.discount, is_call: priced.is_call}],
                lambda undiscounted: black76_finite(black76_total_vol(undiscounted) / sqrt(priced.t))
            )[1]
    end
)[1];

-- What price, gamma and delta need of their arguments: s, and d1 where it is a number.
create or replace macro black76_chain(forward, strike, years, sigma, rate, "right") as
list_transform(
    [black76_arguments(forward, strike, years, sigma, rate, "right")],
    lambda vol: case
        when vol is not null and vol.v * sqrt(vol.t) > 0e0 and vol.v * sqrt(vol.t) < 'inf'::double then {
            f: vol.f, k: vol.k, is_call: vol.is_call, discount: vol.discount, s: vol.v * sqrt(vol.t),
            d1: black76_log_moneyness(vol.f, vol.k) / (vol.v * sqrt(vol.t))
                + 0.5e0 * (vol.v * sqrt(vol.t)),
            h: -abs(black76_log_moneyness(vol.f, vol.k)) / (vol.v * sqrt(vol.t))
        }
    end
)[1];

create or replace macro black76_price(forward, strike, years, sigma, rate, "right") as
list_transform(
    [black76_chain(forward, strike, years, sigma, rate, "right")],
    lambda chain: case
        when chain is not null then black76_finite(chain.discount * (
            greatest(if(chain.is_call, chain.f - chain.k, chain.k - chain.f), 0e0)
            + if(
                chain.h < -37e0,
                0e0,
                sqrt(chain.f) * sqrt(chain.k) * black76_otm_price(chain.h, 0.5e0 * chain.s)
            )
        ))
    end
)[1];

create or replace macro black76_gamma(forward, strike, years, sigma, rate, "right") as
list_transform(
    [black76_chain(forward, strike, years, sigma, rate, "right")],
    lambda chain: case
        when chain is not null then black76_finite(
            chain.discount * 0.39894228040143267794e0 * exp(-0.5e0 * chain.d1 * chain.d1)
            / (chain.f * chain.s)
        )
    end
)[1];

create or replace macro black76_delta(forward, strike, years, sigma, rate, "right") as
list_transform(
    [black76_chain(forward, strike, years, sigma, rate, "right")],
    lambda chain: case
        when chain is not null then black76_finite(
            if(
                chain.is_call,
                0.5e0 * chain.discount * black76_erfc(-chain.d1 * 0.70710678118654752440e0),
                -0.5e0 * chain.discount * black76_erfc(chain.d1 * 0.70710678118654752440e0)
            )
        )
    end
)[1];
