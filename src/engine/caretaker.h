// The caretaker: a process of its own, one for each home at most, that looks after branches which
// nobody's command looks after. It deletes those of runs whose velo was killed, and keeps pools
// filled. It ends when there is nothing to look after, and needs no notice of its own: all that it
// knows is in the catalog and in locks, so that it can be killed at any time and started again by
// any command.
#pragma once

#include "base/error.h"
#include "engine/engine.h"

namespace velo::engine {

/// Whether a caretaker has to be started: there is something to look after, and nobody does. One
/// that is there is told to look again.
Result<bool> lacks_caretaker(Engine& engine);

/// The caretaker's work, until there is none. Returns at once when another one is at it.
Result<void> take_care(Engine& engine);

}  // namespace velo::engine
