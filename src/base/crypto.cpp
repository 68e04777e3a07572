#include "base/crypto.h"

#include <openssl/evp.h>
#include <sys/random.h>

#include <cerrno>

namespace velo {
namespace {

constexpr size_t digest_size = 32;

unsigned char* bytes_of(std::string& text) {
  return reinterpret_cast<unsigned char*>(text.data());  // OpenSSL counts in unsigned char
}

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace

Result<std::string> random_bytes(std::size_t bytes) {
  // The kernel's own: OpenSSL's generator takes milliseconds to set up, which every command would
  // pay.
  std::string out(bytes, '\0');
  for (std::size_t filled = 0; filled < bytes;) {
    const ssize_t n = ::getrandom(out.data() + filled, bytes - filled, 0);
    if (n < 0 && errno != EINTR) return fail_errno(errno, "get random numbers from the kernel");
    if (n > 0) filled += static_cast<std::size_t>(n);
  }
  return out;
}

Result<std::string> random_id() {
  return to_hex(TRY(random_bytes(8)));
}

Result<std::string> sha256(std::string_view data) {
  std::string out(digest_size, '\0');
  if (EVP_Q_digest(nullptr, "SHA256", nullptr, data.data(), data.size(), bytes_of(out), nullptr) !=
      1) {
    return fail(Errc::failed, "SHA-256 is not available in this OpenSSL");
  }
  return out;
}

Result<std::string> hmac_sha256(std::string_view key, std::string_view data) {
  std::string out(digest_size, '\0');
  if (EVP_Q_mac(nullptr, "HMAC", nullptr, "SHA256", nullptr, key.data(), key.size(), bytes_of(data),
                data.size(), bytes_of(out), out.size(), nullptr) == nullptr) {
    return fail(Errc::failed, "HMAC-SHA-256 is not available in this OpenSSL");
  }
  return out;
}

Result<std::string> pbkdf2_sha256(std::string_view secret, std::string_view salt, int iterations) {
  std::string out(digest_size, '\0');
  if (PKCS5_PBKDF2_HMAC(secret.data(), static_cast<int>(secret.size()), bytes_of(salt),
                        static_cast<int>(salt.size()), iterations, EVP_sha256(),
                        static_cast<int>(out.size()), bytes_of(out)) != 1) {
    return fail(Errc::failed, "PBKDF2 is not available in this OpenSSL");
  }
  return out;
}

std::string to_hex(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char c : bytes) out += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return out;
}

std::string to_base64(std::string_view bytes) {
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');  // EVP_EncodeBlock ends with a NUL
  const int size = EVP_EncodeBlock(bytes_of(out), bytes_of(bytes), static_cast<int>(bytes.size()));
  out.resize(static_cast<size_t>(size));
  return out;
}

}  // namespace velo
