#include "base/library.h"

#include <dlfcn.h>

namespace velo {

Result<Library> Library::load(const char* file, std::string_view remedy) {
  void* const handle = ::dlopen(file, RTLD_NOW | RTLD_LOCAL);
  if (handle != nullptr) return Library(handle, file);
  return fail_with_hint(Errc::unsupported,
                        fmt::format("{} cannot be loaded: {}", file, ::dlerror()),
                        std::string(remedy));
}

Result<void*> Library::address_of(const char* name) const {
  void* const address = ::dlsym(handle_, name);
  if (address != nullptr) return address;
  return fail(Errc::unsupported, "{} has no function {}", file_, name);
}

}  // namespace velo
