#include "postgres/certificate.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <memory>

#include "unit/postgres_scratch.h"

namespace velo::postgres {
namespace {

struct FreeX509 {
  void operator()(X509* certificate) const { X509_free(certificate); }
};
struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using Bio = std::unique_ptr<BIO, FreeBio>;

class PostgresCertificate : public testing::Test {
 protected:
  void make(const std::string& common_name) {
    const auto made = make_certificate(common_name);
    ASSERT_OK(made);
    const Bio bio(BIO_new_mem_buf(made->certificate_pem.data(), -1));
    certificate.reset(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    ASSERT_NE(certificate, nullptr);
    const Bio key_bio(BIO_new_mem_buf(made->key_pem.data(), -1));
    key.reset(PEM_read_bio_PrivateKey(key_bio.get(), nullptr, nullptr, nullptr));
    ASSERT_NE(key, nullptr);
    key_pem = made->key_pem;
  }
  std::string common_name() const {
    X509_NAME* name = X509_get_subject_name(certificate.get());
    const int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
    const ASN1_STRING* text = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));
    return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
            static_cast<std::size_t>(ASN1_STRING_length(text))};
  }
  std::unique_ptr<X509, FreeX509> certificate;
  std::unique_ptr<EVP_PKEY, FreeKey> key;
  std::string key_pem;
};

TEST_F(PostgresCertificate, IsSignedByItsOwnUnencryptedKey) {
  make("velo shop");
  EXPECT_EQ(X509_verify(certificate.get(), key.get()), 1);
  EXPECT_EQ(X509_check_private_key(certificate.get(), key.get()), 1);
  EXPECT_TRUE(key_pem.starts_with("-----BEGIN PRIVATE KEY-----"));
  EXPECT_EQ(X509_check_issued(certificate.get(), certificate.get()), X509_V_OK);
  EXPECT_EQ(common_name(), "velo shop");
}

TEST_F(PostgresCertificate, NamesThisMachineOnly) {
  make("velo");
  EXPECT_EQ(X509_check_host(certificate.get(), "localhost", 0, 0, nullptr), 1);
  EXPECT_EQ(X509_check_host(certificate.get(), "example.org", 0, 0, nullptr), 0);
  EXPECT_EQ(X509_check_ip_asc(certificate.get(), "127.0.0.1", 0), 1);
  EXPECT_EQ(X509_check_ip_asc(certificate.get(), "::1", 0), 1);
  EXPECT_EQ(X509_check_ip_asc(certificate.get(), "10.0.0.1", 0), 0);
  EXPECT_EQ(X509_check_ca(certificate.get()), 0);
}

TEST_F(PostgresCertificate, IsValidFromAnHourAgoForTenYears) {
  make("velo");
  int days = 0;
  int seconds = 0;
  ASSERT_EQ(ASN1_TIME_diff(&days, &seconds, X509_get0_notBefore(certificate.get()),
                           X509_get0_notAfter(certificate.get())),
            1);
  EXPECT_NEAR(days, 3652, 1);
  EXPECT_EQ(X509_cmp_current_time(X509_get0_notBefore(certificate.get())), -1);
}

TEST_F(PostgresCertificate, CutsALongNameBetweenCharacters) {
  const std::string fits(63, 'a');
  make(fmt::format("{}ü", fits));
  EXPECT_EQ(common_name(), fits);
}

TEST(Certificate, TellsUntilWhenItIsValid) {
  for (const int days : {-1, 5, 3652}) {
    const auto made = make_certificate("velo demo", std::chrono::days(days)).value();
    const auto expiry = expiry_of(made.certificate_pem);
    ASSERT_TRUE(expiry) << expiry.error().message;
    const auto off = *expiry - (now() + std::chrono::days(days));
    EXPECT_LT(std::chrono::abs(off), std::chrono::minutes(5)) << days;
  }
  EXPECT_FALSE(expiry_of("rubbish"));
  EXPECT_FALSE(expiry_of(""));
}

}  // namespace
}  // namespace velo::postgres
