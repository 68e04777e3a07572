#include "engine/mounts.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ranges>

#include "base/files.h"
#include "base/text.h"

namespace velo::engine {
namespace {

constexpr std::string_view blanks = " \t";

/// Splits at runs of blanks, as the kernel and fstab do.
std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  for (std::size_t at = line.find_first_not_of(blanks); at != std::string_view::npos;) {
    const std::size_t end = std::min(line.find_first_of(blanks, at), line.size());
    words.push_back(line.substr(at, end - at));
    at = line.find_first_not_of(blanks, end);
  }
  return words;
}

std::string escape(std::string_view path) {
  std::string text;
  for (const char c : path) {
    if (c == ' ' || c == '\t' || c == '\n' || c == '\\') {
      text += fmt::format("\\{:03o}", static_cast<unsigned>(c));
    } else {
      text += c;
    }
  }
  return text;
}

bool is_octal(std::string_view digits) {
  return digits.size() == 3 &&
         std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '7'; });
}

std::string unescape(std::string_view text) {
  std::string path;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && is_octal(text.substr(i + 1, 3))) {
      path += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
                                (text[i + 3] - '0'));
      i += 3;
    } else {
      path += text[i];
    }
  }
  return path;
}

/// One try: a device number that was free a moment ago, configured. Empty when somebody else took
/// it.
Result<std::optional<LoopDevice>> try_attach(int control, const Fd& file,
                                             const std::filesystem::path& path) {
  const int number = ::ioctl(control, LOOP_CTL_GET_FREE);
  if (number < 0) return fail_errno(errno, "find a free loop device");
  LoopDevice device{.path = fmt::format("/dev/loop{}", number), .fd = {}};
  device.fd = TRY(open_file(device.path, O_RDWR));
  loop_config config{};
  config.fd = static_cast<__u32>(file.get());
  // A direct write must be a multiple of the host disk's block, which may be 4096 bytes; btrfs
  // itself never writes less.
  config.block_size = 4096;
  config.info.lo_flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO;
  const std::string name = path.string().substr(0, LO_NAME_SIZE - 1);
  std::memcpy(static_cast<void*>(config.info.lo_file_name), name.c_str(), name.size() + 1);
  if (::ioctl(device.fd.get(), LOOP_CONFIGURE, &config) == 0) return device;
  if (errno == EBUSY) return std::nullopt;
  return fail_errno(errno, fmt::format("attach {} to {}", path.string(), device.path));
}

}  // namespace

std::vector<Mount> parse_mountinfo(std::string_view text) {
  std::vector<Mount> found;
  for (const std::string_view line : lines_of(text)) {
    const auto words = words_of(line);
    // id, parent, major:minor, root, target, options, optional fields…, "-", type, source, options
    const auto dash = std::ranges::find(words, "-");
    if (words.size() < 7 || words.end() - dash < 3) continue;
    found.push_back({.source = unescape(*(dash + 2)),
                     .target = unescape(words[4]),
                     .type = std::string(*(dash + 1))});
  }
  return found;
}

Result<std::vector<Mount>> mounts() {
  return parse_mountinfo(TRY(read_file("/proc/self/mountinfo")));
}

std::optional<Mount> mounted_at(const std::vector<Mount>& mounts,
                                const std::filesystem::path& target) {
  const auto found = std::ranges::find_if(
      mounts | std::views::reverse, [&](const Mount& mount) { return mount.target == target; });
  if (found == mounts.rend()) return std::nullopt;
  return *found;
}

std::string to_text(const FstabLine& line) {
  return fmt::format("{} {} {} {} 0 0\n", escape(line.source), escape(line.target), line.type,
                     line.options);
}

std::optional<FstabLine> find_in_fstab(std::string_view fstab, std::string_view target) {
  for (const std::string_view line : lines_of(fstab)) {
    const auto words = words_of(line);
    if (words.size() < 4 || words[0].starts_with('#') || unescape(words[1]) != target) continue;
    return FstabLine{.source = unescape(words[0]),
                     .target = unescape(words[1]),
                     .type = std::string(words[2]),
                     .options = std::string(words[3])};
  }
  return std::nullopt;
}

std::optional<std::string> loop_device_of(const std::filesystem::path& file) {
  const auto devices = list_directory("/sys/block");
  if (!devices) return std::nullopt;
  for (const std::string& name : *devices) {
    if (!name.starts_with("loop")) continue;
    const auto backing =
        read_file(std::filesystem::path("/sys/block") / name / "loop/backing_file");
    if (backing && trim(*backing) == file.string()) return "/dev/" + name;
  }
  return std::nullopt;
}

Result<LoopDevice> attach_loop_device(const std::filesystem::path& file) {
  const Fd backing = TRY(open_file(file, O_RDWR));
  const Fd control = TRY(open_file("/dev/loop-control", O_RDWR));
  for (int attempt = 0; attempt < 64; ++attempt) {
    if (auto device = TRY(try_attach(control.get(), backing, file))) return std::move(*device);
  }
  return fail(Errc::in_use, "no loop device could be had: other programs took each one first");
}

bool set_direct_io(const std::string& device) {
  const auto fd = open_file(device, O_RDWR);
  if (!fd) return false;
  loop_info64 info{};
  if (::ioctl(fd->get(), LOOP_GET_STATUS64, &info) != 0) return false;
  if ((info.lo_flags & LO_FLAGS_DIRECT_IO) != 0) return false;
  return ::ioctl(fd->get(), LOOP_SET_DIRECT_IO, 1UL) == 0;
}

}  // namespace velo::engine
