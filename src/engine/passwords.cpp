#include "engine/passwords.h"

#include "base/crypto.h"

namespace velo::engine {
namespace {

constexpr size_t password_bytes = 16;

/// Percent-encodes what a URL's user or path part cannot hold as it is (RFC 3986, unreserved).
std::string url_encode(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool unreserved = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                            (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == '~';
    if (unreserved) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

}  // namespace

Result<std::string> password_of(const Home& home, const catalog::Branch& branch) {
  const std::string key = TRY(home.key());
  const std::string digest =
      TRY(hmac_sha256(key, fmt::format("password\n{}\n{}", branch.id, branch.password_counter)));
  return to_hex(digest.substr(0, password_bytes));
}

Result<ConnectionView> connection_view(Engine& engine, const BranchRecords& b) {
  ConnectionView view;
  view.branch = b.full_name();
  // A server that listens everywhere is found here too.
  view.host = b.endpoint.address == "0.0.0.0" ? "127.0.0.1" : b.endpoint.address;
  view.port = b.endpoint.port;
  view.user = b.branch.superuser;
  view.password = TRY(password_of(engine.home(), b.branch));
  view.database = b.project.database;
  view.certificate = (engine.home().tls_directory(b.project.id) / "server.crt").string();
  const auto url = [&](std::string_view password) {
    return fmt::format("postgresql://{}:{}@{}:{}/{}", url_encode(view.user), password, view.host,
                       view.port, url_encode(view.database));
  };
  view.url = url(view.password);
  view.masked_url = url("***");
  return view;
}

}  // namespace velo::engine
