// What the sources of `velo branch` share.
#pragma once

#include <functional>
#include <string>

#include "cli/command.h"
#include "cli/look.h"
#include "engine/branches.h"

namespace velo::cli {

/// PROJECT/BRANCH, one that exists.
Argument branch_argument(std::string& target);
/// Where to connect; or, of a branch that is stopped, that it is. Then `more`, if there is any.
void answer_with_connection(Context& context, const engine::CreatedBranch& changed,
                            const std::function<std::string(const Look&)>& more = {});

Command branch_create_command();
Command branch_delete_command();
Command branch_reset_command();
Command branch_restore_command();

}  // namespace velo::cli
