// WAL segments that look real from outside: each page has the header that PostgreSQL gives it.
#pragma once

#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <string_view>

#include "postgres/wal.h"

namespace velo::test {

constexpr std::uint64_t small_segment = 1U << 20U;  ///< bytes; the smallest there can be
constexpr std::size_t wal_page = 8192;

/// `seed` chooses the content; `used` is where a switch to the next segment ends it, in bytes.
inline std::string make_segment(std::string_view name, unsigned seed = 1,
                                std::uint64_t size = small_segment, std::uint64_t used = ~0ULL,
                                std::uint32_t page_timeline = 0) {
  const auto wal = postgres::parse_wal_name(name).value();
  std::string content(size, '\0');
  std::minstd_rand random(seed);
  const auto put = [&](std::size_t at, auto number) {
    std::memcpy(content.data() + at, &number, sizeof number);
  };
  for (std::size_t at = 0; at < size && at < used; at += wal_page) {
    for (std::size_t i = at + 64; i < at + wal_page / 2; ++i) {
      content[i] = static_cast<char>(random());
    }
    put(at, std::uint16_t{0xD110});                                  // xlp_magic
    put(at + 2, static_cast<std::uint16_t>(at == 0 ? 2 : 0));        // xlp_info: the long header
    put(at + 4, page_timeline == 0 ? wal.timeline : page_timeline);  // xlp_tli
    put(at + 8, wal.start(size) + at);                               // xlp_pageaddr
  }
  put(24, std::uint64_t{42});                     // xlp_sysid
  put(32, static_cast<std::uint32_t>(size));      // xlp_seg_size
  put(36, static_cast<std::uint32_t>(wal_page));  // xlp_xlog_blcksz
  return content;
}

}  // namespace velo::test
