#pragma once
#include <cstdint>
#include <functional>
#include <set>

#include "limbic/data/leak.h"
#include "limbic/data/protocol.h"
#include "limbic/data/sample_table.h"

namespace limbic::data {

// Note [Leaks]
//
// kind       | two parts share                                                  | not looked for
// -----------|------------------------------------------------------------------|--------------------------------
// sample     | an id (or a row, in a split made by hand)                        |
// subject    | a subject of one corpus                                          | time_blocks
// person     | somebody with several names: the attribute `person`, or          | time_blocks
//            | `same_person: {corpus/subject: person}`                          |
// session    | a session, where its subjects were recorded together (they share | time_blocks
//            | a dialogue or a clip), where subjects are unknown, or where the  |
//            | protocol groups by session; else "session 1" of two people is    |
//            | no more than a name                                              |
// dialogue   | a dialogue                                                       | time_blocks
// turn       | turns of a dialogue that follow each other                       | time_blocks
// recording  | a clip                                                           | time_blocks
// overlap    | a stretch of time of one recording                               |
// context    | windows of one recording nearer than `context_s`                 | while context_s is 0
// source     | a source file (SHA-256); tables that hold everybody (.csv, .pkl, | time_blocks
//            | .h5...) do not count                                             |
// content    | equal streams: number of frames and CRC-32, byte by byte where a |
//            | Store is at hand; text and annotations do not count              |
// augmented  | copies: the attribute `original` names the sample (or another    |
//            | copy's) that they were made of                                   |
// official   | nothing: a sample of an official test split trains; or validates,| group_kfold, leave_one_out,
//            | while that same split or nothing else is tested                  | time_blocks

/// How to look for leaks.
struct LeakOptions {
  LeakPolicy policy;             ///< context_s and same_person
  std::set<LeakKind> by_nature;  ///< not looked for: the protocol is about them
  bool groups_sessions = false;  ///< every session stays whole, not only those of people recorded together
  /// Whether two samples hold the same bytes, asked where checksums agree; empty = yes. Constant ones should
  /// say no.
  std::function<bool(int64_t, int64_t)> is_copy;
};

/// What a protocol is looked through for.
LeakOptions leak_options(const ProtocolConfig& protocol);

/// Everything that two parts of `split` share. A million samples take some 4 s of one core.
LeakReport find_leaks(const SampleTable& samples, const Split& split, const LeakOptions& options = {});

}  // namespace limbic::data
