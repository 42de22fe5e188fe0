-- Each data file has as many rows as its manifest says.
-- severity: error
select
    dataset_key,
    manifest_rows,
    file_rows
from partitions
where file_rows is distinct from manifest_rows
