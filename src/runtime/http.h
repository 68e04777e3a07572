// HTTP/1.1 to a daemon of this machine: one request, one answer, through libcurl.
//
// libcurl rather than Boost.Beast: it speaks over Unix sockets, has timeouts for everything, and
// compiles in a second where Beast takes half a minute.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/error.h"

namespace velo::runtime {

struct HttpRequest {
  std::string method = "GET";
  std::string target;                ///< path and query, escaped
  std::vector<std::string> headers;  ///< "Name: value"
  std::string body;
  /// Gets the body of a successful answer in pieces, as they come; it is then not in the answer.
  std::function<void(std::string_view)> on_data;
};

struct HttpAnswer {
  int status = 0;
  std::string body;
  std::map<std::string, std::string> headers;  ///< by their names in lower case
};

/// A connection that is kept between requests. Not shared between threads.
class Http {
 public:
  /// `endpoint`: "unix:///path/of/socket", "tcp://host:port" or "http://host:port". Errc::usage for
  /// any other. Connects with the first request.
  static Result<Http> to(const std::string& endpoint);

  Http(Http&&) noexcept;
  Http& operator=(Http&&) noexcept;
  Http(const Http&) = delete;
  Http& operator=(const Http&) = delete;
  ~Http();

  /// Any status is an answer. Errc::permission when the socket may not be opened, Errc::not_found
  /// when nobody listens there, Errc::interrupted, Errc::failed otherwise (`patience` too).
  Result<HttpAnswer> send(const HttpRequest& request, std::chrono::milliseconds patience,
                          const Cancellation& cancel);

 private:
  struct Handle;
  explicit Http(std::unique_ptr<Handle> handle);
  std::unique_ptr<Handle> handle_;
};

/// A value for a query, escaped.
std::string url_escaped(std::string_view text);

}  // namespace velo::runtime
