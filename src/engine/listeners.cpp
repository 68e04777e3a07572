#include "engine/listeners.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>

#include "base/files.h"
#include "base/text.h"

namespace velo::engine {
namespace {

constexpr std::string_view listening = "0A";  // TCP_LISTEN of include/net/tcp_states.h

template <class Number>
Number from_hex(std::string_view text) {
  Number value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value, 16);
  return value;
}

/// "0100007F" is 127.0.0.1: the four bytes as one number of this (little-endian) machine.
std::string ipv4_of(std::string_view hex) {
  const auto number = from_hex<std::uint32_t>(hex);
  return fmt::format("{}.{}.{}.{}", number & 0xFFU, number >> 8U & 0xFFU, number >> 16U & 0xFFU,
                     number >> 24U);
}

std::string address_of(std::string_view hex) {
  constexpr std::size_t ipv4_digits = 8;
  if (hex.size() == ipv4_digits) return ipv4_of(hex);
  if (hex.find_first_not_of('0') == std::string_view::npos) return "::";
  constexpr std::string_view mapped = "0000000000000000FFFF0000";
  if (hex.starts_with(mapped)) return ipv4_of(hex.substr(mapped.size()));
  return "";
}

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words = split(line, ' ');
  std::erase(words, std::string_view{});
  return words;
}

std::string link_to(std::uint64_t inode) {
  return fmt::format("socket:[{}]", inode);
}

}  // namespace

std::vector<Listener> parse_listeners(std::string_view text) {
  std::vector<Listener> found;
  for (const std::string_view line : lines_of(text)) {
    // sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode …
    constexpr std::size_t state_at = 3;
    constexpr std::size_t inode_at = 9;
    const auto words = words_of(line);
    if (words.size() <= inode_at || words[state_at] != listening) continue;
    const std::string_view local = words[1];
    const std::size_t colon = local.find(':');
    if (colon == std::string_view::npos) continue;
    Listener listener{.address = address_of(local.substr(0, colon)),
                      .port = from_hex<int>(local.substr(colon + 1)),
                      .inode = 0};
    const std::string_view inode = words[inode_at];
    std::from_chars(inode.data(), inode.data() + inode.size(), listener.inode);
    found.push_back(std::move(listener));
  }
  return found;
}

std::vector<Listener> listeners() {
  std::vector<Listener> all = parse_listeners(read_file("/proc/net/tcp").value_or(""));
  std::ranges::copy(parse_listeners(read_file("/proc/net/tcp6").value_or("")),
                    std::back_inserter(all));
  return all;
}

const Listener* listener_on(const std::vector<Listener>& all, std::string_view address, int port) {
  const auto found = std::ranges::find_if(all, [&](const Listener& one) {
    return one.port == port &&
           (one.address == address || one.address == "0.0.0.0" || one.address == "::" ||
            (address == "0.0.0.0" && !one.address.empty()));
  });
  return found == all.end() ? nullptr : &*found;
}

bool holds_socket(pid_t pid, std::uint64_t inode) {
  const fs::path directory = fmt::format("/proc/{}/fd", pid);
  const std::string wanted = link_to(inode);
  for (const std::string& name : list_directory(directory).value_or(std::vector<std::string>{})) {
    std::error_code gone;
    if (fs::read_symlink(directory / name, gone) == wanted) return true;
  }
  return false;
}

std::string name_of_holder(std::uint64_t inode) {
  for (const std::string& name : list_directory("/proc").value_or(std::vector<std::string>{})) {
    pid_t pid = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (error != std::errc{} || end != name.data() + name.size()) continue;
    if (!holds_socket(pid, inode)) continue;
    const std::string program = read_file(fmt::format("/proc/{}/comm", pid)).value_or("");
    return fmt::format("{} (pid {})", trim(program), pid);
  }
  return "another program";
}

}  // namespace velo::engine
