// What is in an open directory.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"

namespace velo::storage {

enum class EntryKind { file, directory, link, other };

struct Entry {
  std::string name;
  EntryKind kind = EntryKind::other;
};

/// The entries of the directory behind `directory`, without "." and "..", each name once and sorted
/// (a directory that changes meanwhile may show a name twice). 0, or the errno of what went wrong.
int read_entries(int directory, std::vector<Entry>& entries);

}  // namespace velo::storage
