-- Each table was made of the partitions that are published now; else it is stale and a build renews it.
-- severity: warning
select
    dataset_key,
    input_key,
    input_dt,
    recorded_manifest_sha256,
    published_manifest_sha256
from partition_inputs
where published_manifest_sha256 is distinct from recorded_manifest_sha256
