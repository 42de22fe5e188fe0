"""A second pass over a contract's day, order by order: the rows of level_orders_1s, tagged."""


def model(dbt, con):
    from spymaster.dbt_session import DbtSession
    from spymaster_udf.book_stream import BATCH_RECORDS, MBO_PROJECTION
    from spymaster_udf.level_orders import LevelOrderTables

    dbt.config(
        materialized="lake",
        meta={"scratch": True, "vars": ["tick_int", "hud_max_ticks"]},
    )
    parameters = DbtSession.current().engine_parameters
    book = dbt.ref("book_snapshot_1s").order("window_start_ts_ns")
    windows = book.select("window_start_ts_ns, spot_ref_price_int").fetchall()
    mbo = dbt.ref("future_mbo__mbo").select(MBO_PROJECTION)
    reader = mbo.to_arrow_reader(BATCH_RECORDS)
    return LevelOrderTables(reader, windows, parameters["tick_int"], parameters["hud_max_ticks"])
