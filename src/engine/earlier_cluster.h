// A cluster of the earlier Velo's: the files of it that Velo changes, and as they were.
#pragma once

#include <filesystem>
#include <string>

#include "base/error.h"
#include "base/os_user.h"
#include "engine/home.h"

namespace velo::engine {

/// Copies what prepare_taken_cluster will change to Home::imported_files.
Result<void> keep_files(const Home& home, const std::string& incarnation_id,
                        const std::filesystem::path& pgdata);
/// Makes it ready for servers::start_new_cluster: velo.conf, and the gate closed to all but its own
/// superuser on the socket.
Result<void> prepare_taken_cluster(const std::filesystem::path& pgdata, const OsUser& owner,
                                   const std::string& superuser);
/// What keep_files copied, in its place again, and what Velo added taken away. Nothing to do where
/// nothing was kept.
Result<void> put_files_back(const Home& home, const std::string& incarnation_id,
                            const std::filesystem::path& pgdata, const OsUser& owner);

}  // namespace velo::engine
