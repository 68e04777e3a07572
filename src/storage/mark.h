// The mark of a volume as the file-based drivers keep it: velo.json in the volume's own directory.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/error.h"
#include "storage/driver.h"

namespace velo::storage {

/// One JSON object; unknown keys are for later versions.
std::string mark_to_json(const Mark& mark);
/// The same in one line, without one at its end.
std::string mark_to_line(const Mark& mark);
/// Errc::storage when it is no mark: not JSON, or without a home id.
Result<Mark> mark_from_json(std::string_view json);

/// Writes it into a directory that has none; the file is durable when it returns, and its name as
/// soon as anything that is made after it.
Result<void> write_mark(const std::filesystem::path& volume_directory, const Mark& mark);
/// Errc::not_found when there is none; Errc::storage when it cannot be one. In a shared pool the
/// directory may be another user's: no link is followed and nothing that could block is opened.
Result<Mark> read_mark(const std::filesystem::path& volume_directory);
/// Another one in the place of the one there is, by a rename of a file that is synced.
Result<void> replace_mark(const std::filesystem::path& volume_directory, const Mark& mark);
/// And what replace_mark left of itself in a crash.
Result<void> remove_mark(const std::filesystem::path& volume_directory);

/// The file's name in a volume's directory.
inline constexpr const char* mark_name = "velo.json";
/// Or of what a crash left of replace_mark.
bool is_mark_or_draft(std::string_view name);

}  // namespace velo::storage
