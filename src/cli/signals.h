// Signals of this process, as a cancellation.
#pragma once

#include "base/cancel.h"

namespace velo::cli {

/// From now on SIGINT, SIGTERM and (unless it is ignored, as under nohup) SIGHUP raise `cancel`,
/// and the use case undoes what it began; the same signal again ends the process at once, and the
/// next command mends what is left. SIGPIPE is ignored: a write says so itself. `cancel` must live
/// as long as the process.
void install_signal_handlers(Cancellation& cancel);
/// The signal that raised it; 0 for none.
int received_signal();

}  // namespace velo::cli
