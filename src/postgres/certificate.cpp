#include "postgres/certificate.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <ctime>
#include <memory>

#include "base/crypto.h"

namespace velo::postgres {
namespace {

template <auto free_function>
struct Free {
  template <class T>
  void operator()(T* pointer) const {
    free_function(pointer);
  }
};
void free_bio(BIO* bio) {
  BIO_free(bio);
}

using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using X509Certificate = std::unique_ptr<X509, Free<X509_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Free<X509_EXTENSION_free>>;
using Bio = std::unique_ptr<BIO, Free<free_bio>>;

constexpr std::size_t longest_common_name = 64;  // ub-common-name of RFC 5280
constexpr std::size_t serial_size = 16;
constexpr long an_hour = 3600;

std::unexpected<Error> failed() {
  return fail(Errc::failed, "OpenSSL could not make a certificate");
}

/// At most `limit` bytes, without half of a UTF-8 character at the end.
std::string_view cut(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) return text;
  while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xC0U) == 0x80U) --limit;
  return text.substr(0, limit);
}

bool add_extension(X509* certificate, int nid, const char* value) {
  X509V3_CTX context{};
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool set_serial(X509* certificate) {
  auto bytes = random_bytes(serial_size);
  if (!bytes) return false;
  (*bytes)[0] = static_cast<char>((static_cast<unsigned char>((*bytes)[0]) & 0x3FU) | 0x40U);
  const std::unique_ptr<BIGNUM, Free<BN_free>> number(
      BN_bin2bn(reinterpret_cast<const unsigned char*>(bytes->data()),
                static_cast<int>(bytes->size()), nullptr));
  return number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

bool set_name(X509* certificate, std::string_view common_name) {
  X509_NAME* name = X509_get_subject_name(certificate);
  return X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
                                    reinterpret_cast<const unsigned char*>(common_name.data()),
                                    static_cast<int>(common_name.size()), -1, 0) == 1 &&
         X509_set_issuer_name(certificate, name) == 1;
}

bool set_validity(X509* certificate, std::chrono::days valid_for) {
  return X509_gmtime_adj(X509_getm_notBefore(certificate), -an_hour) != nullptr &&
         X509_time_adj_ex(X509_getm_notAfter(certificate), static_cast<int>(valid_for.count()), 0,
                          nullptr) != nullptr;
}

// CA:FALSE and no keyUsage, so that the certificate serves both as a server's and as its own trust
// anchor: rustls refuses a CA as a server's certificate, OpenSSL before 3.0 refuses a trust anchor
// whose keyUsage lacks keyCertSign, and Python's strict mode refuses keyCertSign without CA.
bool add_extensions(X509* certificate) {
  return add_extension(certificate, NID_basic_constraints, "critical,CA:FALSE") &&
         add_extension(certificate, NID_ext_key_usage, "serverAuth") &&
         add_extension(certificate, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1,IP:::1") &&
         add_extension(certificate, NID_subject_key_identifier, "hash");
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

}  // namespace

Result<Certificate> make_certificate(const std::string& common_name, std::chrono::days valid_for) {
  const Key key(EVP_EC_gen("P-256"));
  const X509Certificate certificate(X509_new());
  if (!key || !certificate) return failed();
  if (X509_set_version(certificate.get(), X509_VERSION_3) != 1 || !set_serial(certificate.get()) ||
      !set_name(certificate.get(), cut(common_name, longest_common_name)) ||
      !set_validity(certificate.get(), valid_for) ||
      X509_set_pubkey(certificate.get(), key.get()) != 1 || !add_extensions(certificate.get()) ||
      X509_sign(certificate.get(), key.get(), EVP_sha256()) == 0) {
    return failed();
  }
  const Bio certificate_text(BIO_new(BIO_s_mem()));
  const Bio key_text(BIO_new(BIO_s_secmem()));
  if (!certificate_text || !key_text ||
      PEM_write_bio_X509(certificate_text.get(), certificate.get()) != 1 ||
      PEM_write_bio_PrivateKey(key_text.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) !=
          1) {
    return failed();
  }
  return Certificate{.certificate_pem = text_of(certificate_text.get()),
                     .key_pem = text_of(key_text.get())};
}

Result<Timestamp> expiry_of(const std::string& certificate_pem) {
  const Bio text(BIO_new_mem_buf(certificate_pem.data(), static_cast<int>(certificate_pem.size())));
  const X509Certificate certificate(text ? PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr)
                                         : nullptr);
  std::tm end{};
  if (!certificate || ASN1_TIME_to_tm(X509_get0_notAfter(certificate.get()), &end) != 1) {
    return fail(Errc::failed, "that is no certificate");
  }
  return std::chrono::sys_seconds(std::chrono::seconds(::timegm(&end)));
}

}  // namespace velo::postgres
