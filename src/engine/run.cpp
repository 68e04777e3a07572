#include "engine/run.h"

#include <unistd.h>

#include <algorithm>

#include "catalog/catalog.h"
#include "engine/branch_pool.h"
#include "engine/passwords.h"
#include "engine/records.h"
#include "engine/snapshots.h"

namespace velo::engine {
namespace {

CreateBranch request_for(const RunRequest& request, const BranchRecords& parent,
                         const Lease& lease) {
  CreateBranch create{.name = parent.project.name + "/" + lease.name,
                      .parent = parent.full_name(),
                      .snapshot = request.snapshot,
                      .archives = false,
                      .settings = {}};
  if (request.ephemeral) create.settings = ephemeral_settings();
  create.temporary = catalog::Temporary{.branch_id = lease.branch_id,
                                        .role = catalog::run_role,
                                        .pid = ::getpid(),
                                        .ephemeral = request.ephemeral,
                                        .snapshot_id = {},
                                        .snapshot = {},
                                        .as_of = {}};
  return create;
}

Loan loan_of(Lease lease, CreatedBranch created, bool ephemeral) {
  return {.lease = std::move(lease),
          .branch = created.branch.full_name,
          .connection = std::move(created.connection),
          .based_on = std::move(created.based_on),
          .ephemeral = ephemeral};
}

Result<Loan> loan_of(Engine& engine, Taken taken) {
  return Loan{.lease = *std::move(taken.lease),
              .branch = taken.b.full_name(),
              .connection = TRY(connection_view(engine, taken.b)),
              .based_on = basis_of(taken.spare),
              .ephemeral = taken.spare.ephemeral};
}

void give_back_all(Engine& engine, std::vector<Loan> loans) {
  for (Loan& loan : loans) {
    const std::string branch = loan.branch;
    if (auto returned = give_back(engine, std::move(loan)); !returned) {
      engine.observer().warning(
          fmt::format("{} could not be deleted yet: {}", branch, returned.error().message));
    }
  }
}

/// As many as the pool has ready, `wanted` at most. What is missing is to be made of the pool's
/// snapshot, which `request` says then.
Result<std::vector<Loan>> take_from_pool(Engine& engine, const BranchRecords& parent,
                                         RunRequest& request) {
  std::vector<Loan> loans;
  if (!request.from_pool) return loans;
  const auto pool = TRY(branch_pool_of(engine, parent));
  if (!pool) return loans;
  if (!request.snapshot.empty()) {
    const auto asked = TRY(find_snapshot(engine, request.snapshot, parent.full_name()));
    if (!pool->snapshot || asked.snapshot.incarnation_id != pool->snapshot->incarnation_id) {
      return loans;
    }
  }
  for (; request.copies > 0; --request.copies) {
    auto taken = lease_spare(engine, *pool);
    if (!taken) {
      give_back_all(engine, std::move(loans));
      return std::unexpected(std::move(taken).error());
    }
    if (!*taken) break;
    loans.push_back(TRY(loan_of(engine, **std::move(taken))));
  }
  if (request.copies == 0) return loans;
  if (!pool->snapshot) {
    give_back_all(engine, std::move(loans));
    return without_snapshot(*pool);
  }
  request.snapshot = pool->snapshot->incarnation_id;
  request.ephemeral = request.ephemeral || pool->record.ephemeral;
  return loans;
}

Result<std::vector<Loan>> make_loans(Engine& engine, const BranchRecords& parent,
                                     const RunRequest& request) {
  std::vector<Lease> leases;
  std::vector<CreateBranch> wanted;
  for (int i = 0; i < request.copies; ++i) {
    leases.push_back(TRY(make_lease(engine, catalog::run_role)));
    wanted.push_back(request_for(request, parent, leases.back()));
  }
  std::vector<Result<CreatedBranch>> made;
  if (wanted.size() == 1) {
    made.push_back(create_branch(engine, wanted.front()));
  } else {
    made = TRY(create_branches(engine, std::move(wanted)));
  }
  std::vector<Loan> loans;
  std::optional<Error> error;
  for (std::size_t i = 0; i < made.size(); ++i) {
    if (made[i]) {
      loans.push_back(loan_of(std::move(leases[i]), *std::move(made[i]), request.ephemeral));
    } else if (!error) {
      error = std::move(made[i]).error();
    }
  }
  if (!error) return loans;
  give_back_all(engine, std::move(loans));
  return std::unexpected(*std::move(error));
}

}  // namespace

Result<std::vector<Loan>> lend_branches(Engine& engine, const RunRequest& request) {
  const BranchRecords parent = TRY(find_branch_or_main(engine, request.parent));
  RunRequest rest = request;
  std::vector<Loan> loans = TRY(take_from_pool(engine, parent, rest));
  if (rest.copies == 0) return loans;
  auto made = make_loans(engine, parent, rest);
  if (!made) {
    give_back_all(engine, std::move(loans));
    return made;
  }
  std::ranges::move(*made, std::back_inserter(loans));
  return loans;
}

Result<void> give_back(Engine& engine, Loan loan) {
  return remove_temporary_branch(engine, loan.lease.branch_id, catalog::run_role,
                                 std::chrono::minutes(1));
}

}  // namespace velo::engine
