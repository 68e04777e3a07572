#include "runtime/http.h"

#include <cerrno>
#include <cstring>

#include "base/text.h"
#include "runtime/curl_library.h"

namespace velo::runtime {
namespace {

constexpr long connect_patience_ms = 5000;

struct FreeList {
  const CurlLibrary* library;
  void operator()(curl_slist* list) const { library->slist_free_all(list); }
};
using Headers = std::unique_ptr<curl_slist, FreeList>;

/// What the callbacks of one request share.
struct Exchange {
  const HttpRequest* request;
  const Cancellation* cancel;
  const CurlLibrary* library;
  CURL* curl;
  HttpAnswer answer;
};

size_t take_data(char* data, size_t one, size_t count, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  const std::string_view piece(data, one * count);
  long status = 0;
  exchange.library->easy_getinfo(exchange.curl, CURLINFO_RESPONSE_CODE, &status);
  if (exchange.request->on_data && status / 100 == 2) {
    exchange.request->on_data(piece);
  } else {
    exchange.answer.body += piece;
  }
  return piece.size();
}

size_t take_header(char* data, size_t one, size_t count, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  const std::string_view line(data, one * count);
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return line.size();
  std::string name(line.substr(0, colon));
  for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  exchange.answer.headers[name] = trim(line.substr(colon + 1));
  return line.size();
}

int look_at_cancel(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<Exchange*>(user)->cancel->requested() ? 1 : 0;
}

Errc code_of(CURLcode code, long os_errno) {
  if (code == CURLE_ABORTED_BY_CALLBACK) return Errc::interrupted;
  if (code != CURLE_COULDNT_CONNECT && code != CURLE_COULDNT_RESOLVE_HOST) return Errc::failed;
  return os_errno == EACCES || os_errno == EPERM ? Errc::permission : Errc::not_found;
}

}  // namespace

struct Http::Handle {
  const CurlLibrary* library = nullptr;
  CURL* curl = nullptr;
  std::string socket;
  std::string base;
};

Http::Http(std::unique_ptr<Handle> handle) : handle_(std::move(handle)) {}
Http::Http(Http&&) noexcept = default;
Http& Http::operator=(Http&&) noexcept = default;
Http::~Http() {
  if (handle_) handle_->library->easy_cleanup(handle_->curl);
}

Result<Http> Http::to(const std::string& endpoint) {
  auto handle = std::make_unique<Handle>();
  handle->library = TRY(curl_library());
  const size_t scheme = endpoint.find("://");
  const std::string kind = endpoint.substr(0, scheme == std::string::npos ? 0 : scheme);
  const std::string rest = kind.empty() ? "" : endpoint.substr(scheme + 3);
  if (kind == "unix" && rest.starts_with('/')) {
    handle->socket = rest;
    handle->base = "http://localhost";
  } else if ((kind == "tcp" || kind == "http") && !rest.empty()) {
    handle->base = "http://" + rest;
  } else {
    return fail_with_hint(Errc::usage, fmt::format("'{}' names no place of a daemon", endpoint),
                          "write unix:///path/of/socket or tcp://host:port");
  }
  handle->curl = handle->library->easy_init();
  if (handle->curl == nullptr) return fail(Errc::failed, "libcurl has no memory");
  return Http(std::move(handle));
}

Result<HttpAnswer> Http::send(const HttpRequest& request, std::chrono::milliseconds patience,
                              const Cancellation& cancel) {
  TRY(cancel.check());
  const CurlLibrary& library = *handle_->library;
  CURL* const curl = handle_->curl;
  library.easy_reset(curl);  // keeps the connection
  Exchange exchange{
      .request = &request, .cancel = &cancel, .library = &library, .curl = curl, .answer = {}};
  const std::string url = handle_->base + request.target;
  // No "Expect: 100-continue", for which a daemon would be waited for.
  Headers headers(library.slist_append(nullptr, "Expect:"), FreeList{&library});
  const auto add = [&](const char* header) {
    headers.reset(library.slist_append(headers.release(), header));
  };
  if (!request.body.empty()) add("Content-Type: application/json");
  for (const std::string& header : request.headers) add(header.c_str());

  library.easy_setopt(curl, CURLOPT_URL, url.c_str());
  if (!handle_->socket.empty()) {
    library.easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, handle_->socket.c_str());
  }
  library.easy_setopt(curl, CURLOPT_PROXY, "");
  library.easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  library.easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, connect_patience_ms);
  library.easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(patience.count()));
  library.easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
  if (request.method == "POST") {
    library.easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                        static_cast<curl_off_t>(request.body.size()));
    library.easy_setopt(curl, CURLOPT_POSTFIELDS, request.body.c_str());
  } else if (request.method == "HEAD") {
    library.easy_setopt(curl, CURLOPT_NOBODY, 1L);
  } else if (request.method != "GET") {
    library.easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
  library.easy_setopt(curl, CURLOPT_WRITEFUNCTION, &take_data);
  library.easy_setopt(curl, CURLOPT_WRITEDATA, &exchange);
  library.easy_setopt(curl, CURLOPT_HEADERFUNCTION, &take_header);
  library.easy_setopt(curl, CURLOPT_HEADERDATA, &exchange);
  library.easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, &look_at_cancel);
  library.easy_setopt(curl, CURLOPT_XFERINFODATA, &exchange);
  library.easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);

  const CURLcode code = library.easy_perform(curl);
  if (code == CURLE_ABORTED_BY_CALLBACK) return fail(Errc::interrupted, "interrupted");
  if (code != CURLE_OK) {
    long os_errno = 0;
    library.easy_getinfo(curl, CURLINFO_OS_ERRNO, &os_errno);
    const bool told = code == CURLE_COULDNT_CONNECT && os_errno != 0;
    return fail(code_of(code, os_errno), "{}",
                told ? std::strerror(static_cast<int>(os_errno)) : library.easy_strerror(code));
  }
  long status = 0;
  library.easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  exchange.answer.status = static_cast<int>(status);
  return std::move(exchange.answer);
}

std::string url_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-_.~").find(c) != std::string_view::npos;
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

}  // namespace velo::runtime
