-- Each data file has the size and the sha256 that its manifest says.
-- severity: error
select
    dataset_key,
    manifest_bytes,
    file_bytes,
    manifest_data_sha256,
    file_sha256
from partitions
where
    file_bytes is distinct from manifest_bytes
    or file_sha256 is distinct from manifest_data_sha256
