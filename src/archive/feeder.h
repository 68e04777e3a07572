// Serves a recovery that cannot run `velo wal fetch`: a container's. The host lays down what the
// lineage has in a directory that the container has mounted; the container's restore_command
// (runtime/restore_command.h) takes it from there.
//
// The protocol, all of it in that directory, for a WAL file NAME:
//   NAME.want    made by the container: it waits for NAME. It removes it when it waits no more.
//   NAME         laid down by the host, under its name once it is whole. The container moves it
//   away. NAME.none    an empty file of the host's: no source has it. The container answers
//   PostgreSQL
//                with 1, and removes it.
//   NAME.error   a text of the host's: why that cannot be known. The container prints it and
//   answers
//                with 126, on which PostgreSQL ends.
// Before it asks the container removes earlier answers .none and .error: only a new one counts. The
// host also lays down the segments behind the last one that was asked for, without being asked.
#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <string>

#include "archive/lineage.h"
#include "archive/progress.h"
#include "base/cancel.h"
#include "base/error.h"

namespace velo::archive {

class Feeder {
 public:
  /// At most this many segments that nobody asked for lie there.
  static constexpr std::uint64_t ahead = 4;

  /// `stage` is a directory of the server's user, on the file system of its PGDATA, so that taking
  /// a file from it is a rename. Whoever calls the functions below acts as that user (ActAs).
  /// Empties it. `progress_of`: a lineage file, beside which is noted how far the recovery has come
  /// (progress.h); empty: nowhere.
  static Result<Feeder> open(fs::path stage, Lineage lineage, fs::path progress_of = {});

  /// Answers everything that is asked for now, and lays down one segment ahead where one is
  /// missing. Whether there was anything to do. What fails for one file is that file's answer; an
  /// error is one of the stage itself.
  Result<bool> turn();
  /// Turns until `stop` is requested, and looks every few milliseconds. Errors as of turn().
  Result<void> run(const Cancellation& stop);

  /// The last segment that the container was given; empty: none yet.
  const std::string& last() const { return last_; }

 private:
  Feeder(fs::path stage, Lineage lineage, fs::path progress_of)
      : stage_(std::move(stage)),
        lineage_(std::move(lineage)),
        progress_of_(std::move(progress_of)) {}
  Result<void> answer(const std::string& name);
  Result<void> note_what_was_taken();
  Result<void> note(const std::string& segment);
  bool lay_down_next();

  fs::path stage_;
  Lineage lineage_;
  fs::path progress_of_;
  Progress progress_;
  std::string last_;
  std::deque<std::string> laid_;  ///< those behind last_, in their order
  std::string hopeless_;          ///< one that cannot be laid down; whoever asks for it is told why
};

}  // namespace velo::archive
