#include "runtime/curl_library.h"

#include "base/library.h"

namespace velo::runtime {
namespace {

Result<CurlLibrary> load() {
  const Library library = TRY(Library::load("libcurl.so.4", "apt install libcurl4"));
  CurlLibrary curl;
  TRY(library.find("curl_global_init", curl.global_init));
  TRY(library.find("curl_easy_init", curl.easy_init));
  TRY(library.find("curl_easy_reset", curl.easy_reset));
  TRY(library.find("curl_easy_setopt", curl.easy_setopt));
  TRY(library.find("curl_easy_perform", curl.easy_perform));
  TRY(library.find("curl_easy_getinfo", curl.easy_getinfo));
  TRY(library.find("curl_easy_cleanup", curl.easy_cleanup));
  TRY(library.find("curl_easy_strerror", curl.easy_strerror));
  TRY(library.find("curl_slist_append", curl.slist_append));
  TRY(library.find("curl_slist_free_all", curl.slist_free_all));
  if (curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
    return fail(Errc::failed, "libcurl cannot be initialised");
  }
  return curl;
}

}  // namespace

Result<const CurlLibrary*> curl_library() {
  static const Result<CurlLibrary> loaded = load();
  if (!loaded) return std::unexpected(loaded.error());
  return &*loaded;
}

}  // namespace velo::runtime
