// The processes that look after temporary branches.
#pragma once

#include <filesystem>
#include <vector>

namespace velo::test {

/// The pids of a home's caretakers: of one at most, once the others have seen it.
std::vector<int> caretakers_of(const std::filesystem::path& home);
/// kill -9, and waits until they are gone.
void kill_caretakers_of(const std::filesystem::path& home);

}  // namespace velo::test
