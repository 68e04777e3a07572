#include "postgres/cluster.h"

#include <sys/stat.h>

#include <cstring>
#include <limits>
#include <vector>

#include "base/files.h"
#include "base/text.h"
#include "postgres/number.h"
#include "postgres/wal.h"

namespace velo::postgres {
namespace {

template <class Number>
Number number_at(std::string_view bytes, std::size_t offset) {
  Number value{};
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

// Where the fields of ControlFileData lie (src/include/catalog/pg_control.h).
constexpr std::size_t version_offset = 8;
constexpr std::size_t state_offset = 16;
constexpr std::size_t checkpoint_offset = 32;
constexpr std::size_t redo_offset = 40;
constexpr std::size_t timeline_offset = 48;
constexpr std::size_t segment_size_offset = 228;
constexpr std::size_t known_size = 232;
// PG_CONTROL_VERSION of 13; later ones only grow. A file of the other byte order is far above.
constexpr std::uint32_t oldest_control_version = 1300;
constexpr std::uint32_t absurd_control_version = 100'000;

/// The year 10000, in seconds: what is said to be later is no time.
constexpr std::int64_t behind_all_calendars = 253'402'300'800;

}  // namespace

Result<PostmasterPid> parse_postmaster_pid(std::string_view text) {
  std::vector<std::string_view> lines = lines_of(text);
  constexpr std::size_t line_count = 8;
  lines.resize(std::max(lines.size(), line_count));
  const auto pid = parse_number<pid_t>(trim(lines[0]));
  if (!pid || *pid == 0 || *pid == std::numeric_limits<pid_t>::min()) {
    return fail(Errc::failed, "postmaster.pid does not begin with a pid");
  }

  PostmasterPid found;
  found.pid = *pid < 0 ? -*pid : *pid;
  found.data_directory = std::string(lines[1]);
  const auto started_at = parse_number<std::int64_t>(trim(lines[2]));
  if (started_at && *started_at > 0 && *started_at < behind_all_calendars) {
    found.started_at = std::chrono::sys_seconds(std::chrono::seconds(*started_at));
  }
  found.port = parse_number<std::uint16_t>(trim(lines[3])).value_or(0);
  found.socket_directory = std::string(trim(lines[4]));
  found.listen_address = std::string(trim(lines[5]));
  found.status = std::string(trim(lines[7]));
  return found;
}

Result<std::optional<PostmasterPid>> running_server(const fs::path& pgdata) {
  constexpr std::size_t largest = 16384;
  const auto text = read_file(pgdata / "postmaster.pid", largest);
  if (!text) {
    if (text.error().code == Errc::not_found) return std::nullopt;
    return std::unexpected(text.error());
  }
  const auto found = parse_postmaster_pid(*text);
  if (!found) return std::nullopt;

  struct stat cwd{};
  struct stat directory{};
  if (::stat(fmt::format("/proc/{}/cwd", found->pid).c_str(), &cwd) != 0 ||
      ::stat(pgdata.c_str(), &directory) != 0 || cwd.st_dev != directory.st_dev ||
      cwd.st_ino != directory.st_ino) {
    return std::nullopt;
  }
  return *found;
}

Result<ControlFile> parse_control_file(std::string_view bytes) {
  if (bytes.size() < known_size) return fail(Errc::failed, "pg_control is too short");
  ControlFile control;
  control.system_identifier = number_at<std::uint64_t>(bytes, 0);
  control.control_version = number_at<std::uint32_t>(bytes, version_offset);
  control.checkpoint_lsn = number_at<std::uint64_t>(bytes, checkpoint_offset);
  control.redo_lsn = number_at<std::uint64_t>(bytes, redo_offset);
  control.timeline = number_at<std::uint32_t>(bytes, timeline_offset);
  if (control.control_version < oldest_control_version ||
      control.control_version >= absurd_control_version) {
    return fail(Errc::unsupported, "pg_control has the version {}, which Velo does not know",
                control.control_version);
  }
  const auto state = number_at<std::uint32_t>(bytes, state_offset);
  if (state > static_cast<std::uint32_t>(ClusterState::in_production)) {
    return fail(Errc::failed, "pg_control holds the unknown cluster state {}", state);
  }
  control.state = static_cast<ClusterState>(state);
  control.segment_size = number_at<std::uint32_t>(bytes, segment_size_offset);
  if (!is_segment_size(control.segment_size)) {
    return fail(Errc::failed, "pg_control holds {} as the size of WAL segments",
                control.segment_size);
  }
  return control;
}

Result<ControlFile> read_control_file(const fs::path& pgdata) {
  const fs::path path = pgdata / "global" / "pg_control";
  auto control = parse_control_file(TRY(read_file(path)));
  if (!control) control.error().message += fmt::format(" ({})", path.string());
  return control;
}

Result<int> read_major(const fs::path& pgdata) {
  const fs::path path = pgdata / "PG_VERSION";
  const std::string text = TRY(read_file(path));
  const auto major = parse_number<int>(trim(text));
  if (!major || *major <= 0) {
    return fail(Errc::failed, "{} holds no PostgreSQL version", path.string());
  }
  return *major;
}

}  // namespace velo::postgres
