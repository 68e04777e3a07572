#include "runtime/owned_settings.h"

#include "runtime/archive_command.h"

namespace velo::runtime {
namespace {

/// A list element for settings that are comma-separated lists of paths (SplitDirectoriesString in
/// src/backend/utils/adt/varlena.c): double-quoted, quotes doubled.
std::string quote_list_element(const fs::path& path) {
  std::string out = "\"";
  for (const char c : path.string()) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + '"';
}

/// Whether logind takes away what the server has in /dev/shm when its user's last session ends
/// (RemoveIPC in logind.conf(5)): an ordinary user's, not a system's. Then nobody could connect any
/// more ("could not open shared memory segment"). Files in the cluster it leaves alone; so that
/// there is seldom need of any, what small queries share comes out of the server's own memory.
bool may_lose_shared_memory(const ServerSpec& spec) {
  constexpr uid_t first_ordinary = 1000;
  return spec.build.image.empty() && spec.build.owner.uid >= first_ordinary;
}

}  // namespace

std::vector<std::string> server_arguments(const ServerSpec& spec, const Listening& listening) {
  const int major = spec.build.major;
  std::vector<std::string> arguments{"-D", spec.pgdata.string()};
  const auto set = [&](std::string_view name, std::string_view value) {
    arguments.emplace_back("-c");
    arguments.push_back(fmt::format("{}={}", name, value));
  };
  set("data_directory", spec.pgdata.string());
  set("hba_file", (spec.pgdata / "pg_hba.conf").string());
  set("ident_file", (spec.pgdata / "pg_ident.conf").string());
  // An empty name would make the server complain in its log; there it is in nobody's way.
  set("external_pid_file", (listening.socket_directory / "pid").string());
  set("listen_addresses", listening.addresses);
  set("port", std::to_string(listening.port));
  set("unix_socket_directories", quote_list_element(listening.socket_directory));
  set("unix_socket_permissions", "0700");
  if (may_lose_shared_memory(spec)) {
    set("dynamic_shared_memory_type", "mmap");
    if (major >= 14) set("min_dynamic_shared_memory", "8MB");
  }
  set("ssl", "on");
  set("ssl_cert_file", spec.certificate.string());
  set("ssl_key_file", spec.certificate_key.string());
  set("ssl_ca_file", "");
  set("ssl_crl_file", "");
  if (major >= 14) set("ssl_crl_dir", "");
  set("ssl_passphrase_command", "");
  const bool archives = !spec.archive.empty();
  const bool by_library = archives && spec.build.basic_archive;
  set("archive_mode", archives ? "on" : "off");
  // In a container there is no program of Velo's.
  const fs::path program = spec.build.image.empty() ? spec.program : fs::path();
  set("archive_command", archives && !by_library ? archive_command(spec.archive, program) : "");
  if (major >= 15) set("archive_library", by_library ? "basic_archive" : "");
  if (by_library) set("basic_archive.archive_directory", spec.archive.string());
  for (const auto& [name, value] : spec.overrides) set(name, value);
  return arguments;
}

}  // namespace velo::runtime
