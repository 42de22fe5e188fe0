"""One pass of the book engine over a contract's day: the rows of three tables, tagged `table_name`."""


def model(dbt, con):
    from spymaster.dbt_session import DbtSession
    from spymaster_udf.book_stream import BATCH_RECORDS, MBO_PROJECTION, BookTables

    dbt.config(
        materialized="lake",
        meta={
            "scratch": True,
            "vars": [
                "tick_int", "session", "session_start_ns", "session_end_ns",
                "hud_max_ticks", "rest_ns", "assume_valid", "max_anomaly_share",
            ],
        }
    )  # fmt: skip
    session = DbtSession.current()
    mbo = dbt.ref("future_mbo__mbo").select(MBO_PROJECTION)
    reader = mbo.to_arrow_reader(BATCH_RECORDS)
    return BookTables(reader, session.engine_parameters, session.advance)
