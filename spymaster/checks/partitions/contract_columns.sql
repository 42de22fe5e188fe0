-- Each data file has the columns of its contract: names, order, types, no nulls where there must be none.
-- severity: error
select
    dataset_key,
    contract_problem
from partitions
where contract_problem is not null
