// libcurl, loaded when it is first needed.
//
// With the two dozen libraries that it brings along it takes some milliseconds, which no command
// should pay that speaks to no daemon.
#pragma once

#define CURL_DISABLE_TYPECHECK  // its macros would take the place of the functions below
#include <curl/curl.h>

#include "base/error.h"

namespace velo::runtime {

struct CurlLibrary {
  decltype(&::curl_global_init) global_init = nullptr;
  decltype(&::curl_easy_init) easy_init = nullptr;
  decltype(&::curl_easy_reset) easy_reset = nullptr;
  decltype(&::curl_easy_setopt) easy_setopt = nullptr;
  decltype(&::curl_easy_perform) easy_perform = nullptr;
  decltype(&::curl_easy_getinfo) easy_getinfo = nullptr;
  decltype(&::curl_easy_cleanup) easy_cleanup = nullptr;
  decltype(&::curl_easy_strerror) easy_strerror = nullptr;
  decltype(&::curl_slist_append) slist_append = nullptr;
  decltype(&::curl_slist_free_all) slist_free_all = nullptr;
};

/// Loaded and initialised once; stays loaded. Any thread may ask. Errc::unsupported with the
/// package to install when it is not there.
Result<const CurlLibrary*> curl_library();

}  // namespace velo::runtime
