// A certificate that signs itself, for servers of tests.
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <stdexcept>
#include <string>

namespace tidegate::test {

struct Certificate {
  std::string certificate;  // PEM
  std::string key;          // PEM
};

// Of these names, as in "DNS:localhost,IP:127.0.0.1"; good for an hour. Throws when libcrypto fails.
[[nodiscard]] inline Certificate make_certificate(const std::string& names) {
  const auto must = [](auto* made) {
    if (made == nullptr) throw std::runtime_error{"libcrypto did not make the certificate"};
    return made;
  };
  const std::unique_ptr<EVP_PKEY, decltype(&::EVP_PKEY_free)> key{
      must(::EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256")), &::EVP_PKEY_free};
  const std::unique_ptr<X509, decltype(&::X509_free)> certificate{must(::X509_new()), &::X509_free};
  ::X509_set_version(certificate.get(), X509_VERSION_3);
  ::ASN1_INTEGER_set(::X509_get_serialNumber(certificate.get()), 1);
  constexpr long kHour = 3600;
  ::X509_gmtime_adj(::X509_getm_notBefore(certificate.get()), -kHour);
  ::X509_gmtime_adj(::X509_getm_notAfter(certificate.get()), kHour);
  ::X509_set_pubkey(certificate.get(), key.get());
  const std::unique_ptr<X509_EXTENSION, decltype(&::X509_EXTENSION_free)> alternatives{
      must(::X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names.c_str())), &::X509_EXTENSION_free};
  ::X509_add_ext(certificate.get(), alternatives.get(), -1);
  if (::X509_sign(certificate.get(), key.get(), ::EVP_sha256()) == 0) must(static_cast<X509*>(nullptr));

  const auto pem = [&](auto write) {
    const std::unique_ptr<BIO, decltype(&::BIO_free)> memory{must(::BIO_new(::BIO_s_mem())), &::BIO_free};
    write(memory.get());
    char* text = nullptr;
    const long size = BIO_get_mem_data(memory.get(), &text);
    return std::string(text, static_cast<std::size_t>(size));
  };
  return {
      .certificate = pem([&](BIO* to) { ::PEM_write_bio_X509(to, certificate.get()); }),
      .key = pem([&](BIO* to) { ::PEM_write_bio_PrivateKey(to, key.get(), nullptr, nullptr, 0, nullptr, nullptr); })};
}

}  // namespace tidegate::test
