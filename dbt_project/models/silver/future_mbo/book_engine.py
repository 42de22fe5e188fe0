"""One pass of the book engine over a contract's day: the rows of three tables, tagged `table_name`."""


def model(dbt, con):
    from spymaster.dbt_session import DbtSession
    from spymaster_udf.book_stream import BATCH_RECORDS, MBO_PROJECTION, BookTables

    dbt.config(materialized="lake", meta={"scratch": True})
    session = DbtSession.current()
    mbo = dbt.source("bronze_future_mbo", "mbo").select(MBO_PROJECTION)
    reader = mbo.to_arrow_reader(BATCH_RECORDS)
    return BookTables(reader, session.engine_parameters, session.advance)
