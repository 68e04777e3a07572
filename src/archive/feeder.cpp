#include "archive/feeder.h"

#include <poll.h>

#include "archive/store.h"
#include "base/files.h"

namespace velo::archive {
namespace {

constexpr std::string_view wanted = ".want";
constexpr std::string_view none = ".none";
constexpr std::string_view failed = ".error";
constexpr int pause_ms = 5;

}  // namespace

Result<Feeder> Feeder::open(fs::path stage, Lineage lineage, fs::path progress_of) {
  for (const std::string& file : TRY(list_directory(stage))) TRY(remove_file(stage / file));
  return Feeder(std::move(stage), std::move(lineage), std::move(progress_of));
}

Result<bool> Feeder::turn() {
  TRY(note_what_was_taken());
  bool has_answered = false;
  const std::vector<std::string> files = TRY(list_directory(stage_));
  for (const std::string& file : files) {
    if (!file.ends_with(wanted)) continue;
    const std::string name = file.substr(0, file.size() - wanted.size());
    const std::string path = (stage_ / name).string();
    const bool is_answered = path_exists(path) || path_exists(path + std::string(none)) ||
                             path_exists(path + std::string(failed));
    // A container that took its answer has removed its question before.
    if (is_answered || !path_exists(stage_ / file)) continue;
    TRY(answer(name));
    has_answered = true;
  }
  return has_answered || lay_down_next();  // what is asked for comes first
}

Result<void> Feeder::run(const Cancellation& stop) {
  while (!stop.requested()) {
    if (!TRY(turn())) ::poll(nullptr, 0, pause_ms);
  }
  return {};
}

Result<void> Feeder::answer(const std::string& name) {
  const std::string path = (stage_ / name).string();
  const auto found = fetch(lineage_, name, path);
  if (!found) {
    const bool is_nowhere = found.error().code == Errc::not_found;
    return write_file(path + std::string(is_nowhere ? none : failed),
                      is_nowhere ? "" : fetch_failure(name, found.error()) + "\n", 0600);
  }
  if (postgres::parse_wal_name(name)->kind != postgres::WalFile::segment) return {};
  // The server is not where its next segments were laid down for.
  for (const std::string& unasked : laid_) TRY(remove_file(stage_ / unasked));
  laid_.clear();
  hopeless_.clear();
  return note(name);
}

Result<void> Feeder::note_what_was_taken() {
  while (!laid_.empty() && !path_exists(stage_ / laid_.front())) {
    TRY(note(laid_.front()));
    laid_.pop_front();
  }
  return {};
}

Result<void> Feeder::note(const std::string& segment) {
  last_ = segment;
  progress_.segment = segment;
  ++progress_.segments;
  progress_.bytes += lineage_.segment_size;
  if (progress_of_.empty()) return {};
  return write_progress(progress_of_, progress_);
}

bool Feeder::lay_down_next() {
  const auto last = postgres::parse_wal_name(last_);
  if (!last || laid_.size() >= ahead) return false;
  const std::string name =
      to_string(postgres::later_segment(*last, laid_.size() + 1, lineage_.segment_size));
  if (name == hopeless_) return false;
  const auto found = find(lineage_, name);
  // A segment in a pg_wal may still grow.
  if (!found || found->source->kind != SourceKind::archive) return false;
  if (!Store(found->source->directory).get(name, stage_ / name)) {
    hopeless_ = name;
    return false;
  }
  laid_.push_back(name);
  return true;
}

}  // namespace velo::archive
