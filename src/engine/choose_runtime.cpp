#include "engine/choose_runtime.h"

#include "engine/config.h"
#include "runtime/registry.h"

namespace velo::engine {

namespace {

/// The first of those that run images; the error of the first when none can.
Result<ChosenRuntime> choose_for_image(Engine& engine) {
  std::optional<Error> refusal;
  for (const runtime::RuntimeInfo& info : runtime::runtimes()) {
    if (!info.runs_images) continue;
    auto words = info.open()->check(engine.cancel());
    if (words) return ChosenRuntime{std::string(info.name), "--image asks for it; " + *words};
    TRY(engine.cancel().check());
    if (!refusal) refusal = std::move(words).error();
  }
  if (refusal) return std::unexpected(std::move(*refusal));
  return fail(Errc::unsupported, "no runtime here runs images");
}

}  // namespace

Result<ChosenRuntime> choose_runtime(Engine& engine, const std::string& wanted,
                                     const std::string& image) {
  if (!image.empty() && (wanted.empty() || wanted == "auto")) return choose_for_image(engine);
  const std::string configured = TRY(get_config(engine, "runtime")).value;
  const std::string name = wanted.empty() ? configured : wanted;
  if (name != "auto") {
    const auto runtime = TRY(runtime::open_runtime(name));
    TRY(runtime->check(engine.cancel()));
    return ChosenRuntime{
        name, wanted.empty() ? fmt::format("velo config says {}", name) : std::string("asked for")};
  }
  std::string refusals;
  for (const runtime::RuntimeInfo& info : runtime::runtimes()) {
    const auto words = info.open()->check(engine.cancel());
    if (words) return ChosenRuntime{std::string(info.name), refusals + *words};
    TRY(engine.cancel().check());
    refusals += fmt::format("not {}: {}; ", info.name, words.error().message);
  }
  return fail(Errc::unsupported, "no runtime can serve here: {}", refusals);
}

}  // namespace velo::engine
