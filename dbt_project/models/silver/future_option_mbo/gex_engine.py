"""Volatility and gamma exposure of every window: the rows of two tables, tagged `table_name`."""


def model(dbt, con):
    from spymaster.dbt_session import DbtSession
    from spymaster_udf.gex_stream import CHAIN_PROJECTION, GexTables

    dbt.config(
        materialized="lake",
        meta={
            "scratch": True,
            "vars": ["gex_max_dte", "gex_strike_step", "gex_strike_count", "risk_free_rate"],
        },
    )
    session = DbtSession.current()
    definitions = dbt.ref("option_definitions").select("instrument_id, multiplier")
    chain = dbt.ref("statistics_clean").join(definitions, "instrument_id").select(CHAIN_PROJECTION)
    book = dbt.ref("book_snapshot_1s").select(
        "window_start_ts_ns, coalesce(mid_price_int, spot_ref_price_int) as forward_int"
    )
    # The reader last: another query on the connection would end it without a word.
    whole = chain.fetchnumpy(), book.fetchnumpy()
    quotes = dbt.ref("option_quote_1s").to_arrow_reader(1 << 16)
    return GexTables(*whole, quotes, session.gex_parameters)
