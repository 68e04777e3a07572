// Starting the caretaker (engine/caretaker.h).
#pragma once

#include "cli/context.h"
#include "engine/engine.h"

namespace velo::cli {

/// Sees to it that a caretaker looks at what the command has changed. Commands that make, take or
/// end what it looks after call this last; that none could be started is a warning.
void call_caretaker(Context& context, engine::Engine& engine);

}  // namespace velo::cli
