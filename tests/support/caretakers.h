// The processes that look after temporary branches.
#pragma once

#include <filesystem>
#include <vector>

namespace velo::test {

/// The pids of a home's caretakers: of one at most, once the others have seen it.
std::vector<int> caretakers_of(const std::filesystem::path& home);
/// Whether none runs and none holds its lock any more: one that was killed shows no arguments in
/// /proc before its files are closed, and while another of its threads is in the kernel that takes
/// time.
bool is_without_caretaker(const std::filesystem::path& home);
/// kill -9, and waits until they are gone.
void kill_caretakers_of(const std::filesystem::path& home);

}  // namespace velo::test
