// The actions that plans are made of. Each is idempotent: it looks at what is there.
#pragma once

#include <string>

#include "base/error.h"
#include "engine/engine.h"
#include "engine/plan.h"
#include "engine/records.h"

namespace velo::engine {

/// Stops a server that runs on the volume, and deletes the volume if it is that incarnation's, and
/// the incarnation's archive.
Action remove_volume(const std::string& runtime, const std::string& driver, const std::string& pool,
                     const std::string& volume, const std::string& incarnation_id);
/// Stops the server on this volume; `immediate` when its data is not kept.
Action stop_server(const std::string& runtime, const std::string& driver, const std::string& pool,
                   const std::string& volume);
/// The same, but a server that somebody started by hand is left: it is not what is undone.
Action stop_own_server(const BranchRecords& branch);
/// Removes a branch's run directory and log.
Action forget_branch_files(const std::string& branch_id);
/// Removes a project's certificate.
Action forget_project_files(const std::string& project_id);
/// Starts the branch's present incarnation and opens its gate, if it should run and does not. One
/// that does not start is told of once, and is down: an operation that waited for it would stand in
/// the way of all that could be done about it.
Action start_branch_action(const std::string& branch_id);
/// Opens the gate of the branch's present incarnation, and has its server read that.
Action open_branch(const std::string& branch_id);

/// Of a volume that was taken over (import_earlier.h): puts the changed files back, stops what runs
/// on it, and makes it what it was.
Action give_volume_back(const std::string& driver, const std::string& pool,
                        const std::string& volume, const std::string& incarnation_id,
                        const std::string& os_user, const std::string& was);
Action bring_container_back(const std::string& runtime, const std::string& was);

/// The same action, for a plan that concerns several branches: its words say which one it is for.
Action named(Action action, const std::string& branch);
/// What a person sees while it runs as part of finishing; empty for what takes no time.
std::string words_of(const Action& action);

Result<void> carry_out(Engine& engine, const Action& action);

}  // namespace velo::engine
