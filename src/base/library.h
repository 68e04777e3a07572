// A shared library that is loaded when it is first needed, for those that are slow to load.
#pragma once

#include <string_view>

#include "base/error.h"

namespace velo {

class Library {
 public:
  /// Never unloaded again. Errc::unsupported with `remedy` as its hint when it is not there.
  static Result<Library> load(const char* file, std::string_view remedy);

  /// Errc::unsupported when it has no such function.
  template <class Function>
  Result<void> find(const char* name, Function& function) const {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): what POSIX says of dlsym(3)
    function = reinterpret_cast<Function>(TRY(address_of(name)));
    return {};
  }

 private:
  Library(void* handle, const char* file) : handle_(handle), file_(file) {}
  Result<void*> address_of(const char* name) const;
  void* handle_;
  const char* file_;
};

}  // namespace velo
