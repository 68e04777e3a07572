#include "storage/zfs_command.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "base/files.h"
#include "base/process.h"
#include "base/text.h"

namespace velo::storage::zfs {
namespace {

/// The kernel's part, one directory for each imported pool (kstat, OpenZFS 0.8 and later).
const fs::path kernel_pools = "/proc/spl/kstat/zfs";

/// Destroying a large dataset, or a pool with much to write, takes its time.
constexpr std::chrono::minutes patience{5};

std::optional<fs::path> program_of(const char* name) {
  for (const char* directory : {"/usr/sbin", "/sbin", "/usr/local/sbin"}) {
    fs::path program = fs::path(directory) / name;
    if (::access(program.c_str(), X_OK) == 0) return program;
  }
  return std::nullopt;
}

Result<Outcome> run_program(const char* name, const std::vector<std::string>& arguments) {
  const auto program = program_of(name);
  if (!program) return fail(Errc::storage, "the program {} is not installed", name);
  Command command{.argv = {program->string()},
                  .environment = {"PATH=/usr/sbin:/sbin:/usr/bin:/bin", "LC_ALL=C"},
                  .user = {},
                  .input = {}};
  command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
  const Cancellation never;  // half a change would be worse than a late one
  return run(command, patience, never);
}

struct Meaning {
  std::string_view words;
  Errc code;
  std::string_view hint;
};

// The words of libzfs's errors (lib/libzfs/libzfs_util.c), which its programs print untranslated.
constexpr std::array meanings{
    Meaning{"dataset does not exist", Errc::not_found, ""},
    Meaning{"parent does not exist", Errc::not_found, ""},
    Meaning{"no such pool", Errc::not_found, ""},
    Meaning{"could not find any snapshots", Errc::not_found, ""},
    Meaning{"already exists", Errc::already_exists, ""},
    Meaning{"out of space", Errc::no_space, "delete branches, raise the quota or enlarge the pool"},
    Meaning{"quota exceeded", Errc::no_space, "delete branches, or raise the dataset's quota"},
    Meaning{"read-only", Errc::permission, "zpool status and zfs get readonly say why"},
    Meaning{"permission denied", Errc::permission,
            "velo doctor tells which right is missing; sudo velo setup grants it"},
    Meaning{"must be run as root", Errc::permission, "sudo velo setup grants users their rights"},
    Meaning{"busy", Errc::storage, "a process still works in it: fuser -vm tells which"},
    Meaning{"suspended", Errc::storage, "a device is gone or full: zpool status -x says more"},
};

std::string first_line(std::string_view text) {
  const auto lines = lines_of(trim(text));
  return lines.empty() ? "zfs said nothing" : std::string(trim(lines.front()));
}

}  // namespace

Result<void> check_available() {
  if (!path_exists("/dev/zfs")) {
    return fail(Errc::unsupported, "this machine's kernel has no ZFS loaded");
  }
  if (::access("/dev/zfs", R_OK | W_OK) != 0) {
    return fail(Errc::unsupported, "this user may not open /dev/zfs");
  }
  if (!program_of("zfs")) {
    return fail_with_hint(Errc::unsupported, "the program zfs is not installed",
                          "install zfsutils-linux, or what it is called here");
  }
  return {};
}

std::vector<std::string> imported_pools() {
  std::vector<std::string> pools;
  for (const std::string& name :
       list_directory(kernel_pools).value_or(std::vector<std::string>{})) {
    if (path_exists(kernel_pools / name / "state")) pools.push_back(name);
  }
  return pools;
}

std::string health_of(const std::string& pool) {
  return std::string(trim(read_file(kernel_pools / pool / "state").value_or("")));
}

Error error_of(std::string_view words) {
  Error error{.code = Errc::storage, .message = first_line(words), .hint = {}, .detail = {}};
  for (const Meaning& meaning : meanings) {
    if (words.find(meaning.words) == std::string_view::npos) continue;
    error.code = meaning.code;
    error.hint = meaning.hint;
    break;
  }
  std::string_view rest = trim(trim(words).substr(error.message.size()));
  rest = trim(rest.substr(0, rest.find("usage:")));
  if (!rest.empty()) error.detail = std::string(rest) + "\n";
  return error;
}

namespace {

Result<std::string> output_of(const char* program, const std::vector<std::string>& arguments) {
  Outcome outcome = TRY(run_program(program, arguments));
  if (outcome.exit_status == 0) return std::move(outcome.out);
  return std::unexpected(error_of(outcome.err.empty() ? outcome.out : outcome.err));
}

}  // namespace

Result<std::string> zfs(const std::vector<std::string>& arguments) {
  return output_of("zfs", arguments);
}

Result<std::string> zpool(const std::vector<std::string>& arguments) {
  return output_of("zpool", arguments);
}

std::string zfs_as_far_as_it_goes(const std::vector<std::string>& arguments) {
  auto outcome = run_program("zfs", arguments);
  return outcome ? std::move(outcome->out) : std::string();
}

bool is_imported_read_only(const std::string& pool) {
  const auto outcome = run_program("zpool", {"get", "-H", "-o", "value", "readonly", pool});
  return outcome && trim(outcome->out) == "on";
}

std::vector<std::vector<std::string>> rows_of(std::string_view output) {
  std::vector<std::vector<std::string>> rows;
  for (const std::string_view line : lines_of(output)) {
    if (line.empty()) continue;
    std::vector<std::string>& row = rows.emplace_back();
    for (const std::string_view column : split(line, '\t')) row.emplace_back(column);
  }
  return rows;
}

Result<std::vector<Property>> get(const std::vector<std::string>& names,
                                  const std::string& dataset) {
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ",") + name;
  const auto rows =
      rows_of(TRY(zfs({"get", "-H", "-p", "-o", "property,value,source", list, dataset})));
  std::vector<Property> found;
  for (const std::string& name : names) {
    const auto row = std::ranges::find_if(
        rows, [&](const auto& one) { return one.size() == 3 && one.front() == name; });
    if (row == rows.end()) return fail(Errc::storage, "zfs get {} did not tell {}", dataset, name);
    found.push_back({.value = row->at(1), .source = row->at(2)});
  }
  return found;
}

}  // namespace velo::storage::zfs
