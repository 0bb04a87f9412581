// What the tests of the store share.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>

#include "store/store.h"

namespace tidegate::test {

// The store, which must open.
inline std::unique_ptr<Store> open_store(const std::string& path, std::size_t data_threads = 1) {
  auto store = Store::open(path, data_threads);
  if (!store) throw std::runtime_error{store.error().what};
  return std::move(*store);
}

// The account, which must be given.
inline Account account(Store& store, std::string_view forward) {
  auto given = store.account(forward);
  if (!given) throw std::runtime_error{given.error().what};
  return *given;
}

// Saves what each of these forwards has counted.
inline Result<> save_totals(Store& store, std::initializer_list<std::string_view> forwards) {
  Batch batch;
  for (const auto name : forwards) batch.totals.push_back({std::string{name}, account(store, name).now()});
  return store.save(batch);
}

}  // namespace tidegate::test
