"""One pass over the records of all options on the contract: their quotes, not yet in order of time."""


def model(dbt, con):
    from spymaster.dbt_session import DbtSession
    from spymaster_udf.book_stream import BATCH_RECORDS, MBO_PROJECTION
    from spymaster_udf.option_stream import QuoteTables

    dbt.config(
        materialized="lake",
        meta={
            "scratch": True,
            "vars": ["session", "session_start_ns", "session_end_ns", "max_anomaly_share"],
        },
    )
    session = DbtSession.current()
    ticks = dbt.ref("option_definitions").select("instrument_id, tick_int").fetchall()
    mbo = dbt.ref("future_option_mbo__mbo").select(MBO_PROJECTION)
    reader = mbo.to_arrow_reader(BATCH_RECORDS)
    return QuoteTables(reader, dict(ticks), session.quote_parameters)
