// Names of projects, branches, pools and datasets, and what is shown of them and of other texts.
#include <algorithm>

#include "base/secrets.h"
#include "base/text.h"
#include "engine/names.h"
#include "fuzz.h"
#include "storage/zfs_layout.h"

namespace {

using namespace velo;
using fuzz::require;
namespace zfs = storage::zfs;

/// The rule, said once more.
bool may_be_a_name(std::string_view text) {
  constexpr std::string_view letters_and_digits =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  return !text.empty() && text.size() <= 63 && letters_and_digits.contains(text.front()) &&
         text.find_first_not_of(std::string(letters_and_digits) + "_-") == text.npos;
}

void check_names(std::string_view text) {
  const auto checked = engine::check_name("project", text);
  require(checked.has_value() == may_be_a_name(text), "a name is what the rule says");
  const auto branch = engine::parse_branch_name(text);
  if (branch) {
    require(branch->project + "/" + branch->branch == text, "nothing of a name is lost");
    require(may_be_a_name(branch->project) && may_be_a_name(branch->branch),
            "both parts are names");
  } else {
    require(branch.error().code == Errc::invalid_name, "what is no name is an invalid one");
    require(!branch.error().message.contains('\x1b'), "a message does not steer a terminal");
  }
}

/// What the mount helper, which is root's, takes from whoever calls it.
void check_datasets(std::string_view text) {
  const auto volume = zfs::volume_of(text);
  if (!volume) return;
  require(zfs::dataset_of(volume->place, volume->volume) == text, "a dataset is taken apart");
  const auto mountpoint = zfs::mountpoint_of(volume->place, volume->volume);
  require(mountpoint == mountpoint.lexically_normal(), "a mountpoint has no dots in it");
  require(mountpoint.parent_path().parent_path() == zfs::mounts_directory,
          "a mountpoint lies where they all lie");
}

void check_shown(std::string_view text) {
  const std::string shown = printable(text);
  require(printable(shown) == shown, "what is shown can be shown");
  require(std::ranges::none_of(shown, [](unsigned char c) { return c < 0x20 || c == 0x7f; }),
          "nothing that is shown steers a terminal");
  (void)nearest(text.substr(0, 80), {"main", "dev", "production"});
  (void)last_lines(text, 3);
}

void check_secrets(std::string_view text) {
  (void)without_secrets(text);
  // Wherever a URL stands, its password is taken out.
  constexpr std::string_view secret = "hunter2hunter2";
  if (text.contains(secret)) return;
  const std::string url =
      std::string(text) + "\npostgresql://postgres:" + std::string(secret) + "@127.0.0.1/x";
  require(!without_secrets(url).contains(secret), "no password of a URL is left");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  check_names(text);
  check_datasets(text);
  check_shown(text);
  check_secrets(text);
  return 0;
}
