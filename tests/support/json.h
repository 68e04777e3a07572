// The documents that `velo --json` prints, read by JSON pointer ("/branch/port"). Whatever is not
// as asked for is a failure of the test, and an empty value.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace velo::test {

class Json {
 public:
  /// A failure of the test unless the text is exactly one document.
  static Json parse(const std::string& text);

  std::string text(const std::string& pointer) const;
  std::int64_t number(const std::string& pointer) const;
  bool truth(const std::string& pointer) const;
  bool is_null(const std::string& pointer) const;
  /// Whether there is such a member at all; never a failure.
  bool has(const std::string& pointer) const;
  /// How many elements an array or object has.
  std::size_t size(const std::string& pointer) const;
  /// The texts of an array of strings, or, with `key`, of that member of each element.
  std::vector<std::string> texts(const std::string& pointer, const std::string& key = {}) const;

  struct Document;

 private:
  explicit Json(std::shared_ptr<const Document> document) : document_(std::move(document)) {}
  std::shared_ptr<const Document> document_;
};

}  // namespace velo::test
