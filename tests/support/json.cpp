#include "support/json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace velo::test {

struct Json::Document {
  nlohmann::json value;

  const nlohmann::json* find(const std::string& pointer) const {
    const nlohmann::json::json_pointer path(pointer);
    return value.contains(path) ? &value.at(path) : nullptr;
  }

  template <class T>
  T get(const std::string& pointer, bool (nlohmann::json::*is)() const noexcept) const {
    const nlohmann::json* found = find(pointer);
    if (found == nullptr || !(found->*is)()) {
      ADD_FAILURE() << "no such value at " << pointer << " in\n" << value.dump(2);
      return T{};
    }
    return found->get<T>();
  }
};

Json Json::parse(const std::string& text) {
  auto document = std::make_shared<Document>();
  document->value = nlohmann::json::parse(text, nullptr, false);
  if (document->value.is_discarded()) {
    ADD_FAILURE() << "not a JSON document:\n" << text;
    document->value = nlohmann::json::object();
  }
  return Json(std::move(document));
}

std::string Json::text(const std::string& pointer) const {
  return document_->get<std::string>(pointer, &nlohmann::json::is_string);
}

std::int64_t Json::number(const std::string& pointer) const {
  return document_->get<std::int64_t>(pointer, &nlohmann::json::is_number);
}

bool Json::truth(const std::string& pointer) const {
  return document_->get<bool>(pointer, &nlohmann::json::is_boolean);
}

bool Json::is_null(const std::string& pointer) const {
  const nlohmann::json* found = document_->find(pointer);
  return found != nullptr && found->is_null();
}

bool Json::has(const std::string& pointer) const {
  return document_->find(pointer) != nullptr;
}

std::size_t Json::size(const std::string& pointer) const {
  const nlohmann::json* found = document_->find(pointer);
  if (found == nullptr || !found->is_structured()) {
    ADD_FAILURE() << "neither array nor object at " << pointer;
    return 0;
  }
  return found->size();
}

std::vector<std::string> Json::texts(const std::string& pointer, const std::string& key) const {
  std::vector<std::string> texts;
  for (std::size_t i = 0, n = size(pointer); i < n; ++i) {
    texts.push_back(text(pointer + "/" + std::to_string(i) + (key.empty() ? "" : "/" + key)));
  }
  return texts;
}

}  // namespace velo::test
