#include "limbic/formats/eaf.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <functional>

#include "limbic/core/atomic_file.h"
#include "limbic/core/error.h"
#include "limbic/core/rng.h"
#include "mutants_for_tests.h"
#include "support/paths.h"

namespace limbic::formats {
namespace {

/// Two people; sentences with words that nobody aligned, with words and their classes as references, gestures
/// within sentences, and emotions from a vocabulary in two languages. Made by hand after EAFv3.0.xsd.
constexpr const char* kSmallEaf = R"eaf(<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT AUTHOR="A &amp; B" DATE="2026-11-22T04:00:00+01:00" FORMAT="3.0" VERSION="3.0">
  <HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">
    <MEDIA_DESCRIPTOR MEDIA_URL="file:///D:/dyad1.mp4" MIME_TYPE="video/mp4" RELATIVE_MEDIA_URL="./dyad1.mp4" TIME_ORIGIN="1500"/>
    <LINKED_FILE_DESCRIPTOR LINK_URL="file:///D:/eda.csv" MIME_TYPE="text/plain"/>
    <PROPERTY NAME="lastUsedAnnotationId">12</PROPERTY>
  </HEADER>
  <TIME_ORDER>
    <TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="1000"/>
    <TIME_SLOT TIME_SLOT_ID="ts2"/>
    <TIME_SLOT TIME_SLOT_ID="ts3"/>
    <TIME_SLOT TIME_SLOT_ID="ts4" TIME_VALUE="1100"/>
    <TIME_SLOT TIME_SLOT_ID="ts5" TIME_VALUE="2000"/>
    <TIME_SLOT TIME_SLOT_ID="ts6" TIME_VALUE="4000"/>
    <TIME_SLOT TIME_SLOT_ID="ts7" TIME_VALUE="5000"/>
    <TIME_SLOT TIME_SLOT_ID="ts8" TIME_VALUE="6500"/>
  </TIME_ORDER>
  <TIER LINGUISTIC_TYPE_REF="word" PARENT_REF="words" TIER_ID="class">
    <ANNOTATION><REF_ANNOTATION ANNOTATION_ID="a9" ANNOTATION_REF="a7"><ANNOTATION_VALUE>noun</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION>
  </TIER>
  <TIER ANNOTATOR="rater 1" LANG_REF="eng" LINGUISTIC_TYPE_REF="plain" PARTICIPANT="Ann" TIER_ID="text">
    <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a2" TIME_SLOT_REF1="ts7" TIME_SLOT_REF2="ts8"><ANNOTATION_VALUE>so do I</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
    <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts6"><ANNOTATION_VALUE>we like "it" &lt;3</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
  </TIER>
  <TIER LINGUISTIC_TYPE_REF="parts" PARENT_REF="text" TIER_ID="aligned words">
    <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a3" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts2"><ANNOTATION_VALUE>we</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
    <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a4" TIME_SLOT_REF1="ts2" TIME_SLOT_REF2="ts3"><ANNOTATION_VALUE>like</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
    <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a5" TIME_SLOT_REF1="ts3" TIME_SLOT_REF2="ts6"><ANNOTATION_VALUE>it</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
  </TIER>
  <TIER LINGUISTIC_TYPE_REF="list" PARENT_REF="text" TIER_ID="words">
    <ANNOTATION><REF_ANNOTATION ANNOTATION_ID="a8" ANNOTATION_REF="a2" PREVIOUS_ANNOTATION="a7"><ANNOTATION_VALUE>do</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION>
    <ANNOTATION><REF_ANNOTATION ANNOTATION_ID="a6" ANNOTATION_REF="a2" PREVIOUS_ANNOTATION="a8"><ANNOTATION_VALUE>I</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION>
    <ANNOTATION><REF_ANNOTATION ANNOTATION_ID="a7" ANNOTATION_REF="a2"><ANNOTATION_VALUE>so</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION>
  </TIER>
  <TIER LINGUISTIC_TYPE_REF="inside" PARENT_REF="text" TIER_ID="gesture">
    <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a10" TIME_SLOT_REF1="ts4" TIME_SLOT_REF2="ts5"><ANNOTATION_VALUE>nod</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
  </TIER>
  <TIER LINGUISTIC_TYPE_REF="feeling" PARTICIPANT="Bob" TIER_ID="emotion">
    <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a11" CVE_REF="cveid1" TIME_SLOT_REF1="ts5" TIME_SLOT_REF2="ts6"><ANNOTATION_VALUE>tristesse</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
    <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a12" TIME_SLOT_REF1="ts7" TIME_SLOT_REF2="ts8"><ANNOTATION_VALUE>joie</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
  </TIER>
  <LINGUISTIC_TYPE LINGUISTIC_TYPE_ID="plain" TIME_ALIGNABLE="true"/>
  <LINGUISTIC_TYPE CONSTRAINTS="Time_Subdivision" LINGUISTIC_TYPE_ID="parts" TIME_ALIGNABLE="true"/>
  <LINGUISTIC_TYPE CONSTRAINTS="Included_In" LINGUISTIC_TYPE_ID="inside" TIME_ALIGNABLE="true"/>
  <LINGUISTIC_TYPE CONSTRAINTS="Symbolic_Subdivision" LINGUISTIC_TYPE_ID="list" TIME_ALIGNABLE="false"/>
  <LINGUISTIC_TYPE CONSTRAINTS="Symbolic_Association" LINGUISTIC_TYPE_ID="word" TIME_ALIGNABLE="false"/>
  <LINGUISTIC_TYPE CONTROLLED_VOCABULARY_REF="Emotions" LINGUISTIC_TYPE_ID="feeling" TIME_ALIGNABLE="true"/>
  <LANGUAGE LANG_DEF="http://cdb.iso.org/lg/CDB-00138502-001" LANG_ID="eng" LANG_LABEL="English (eng)"/>
  <LANGUAGE LANG_ID="fra" LANG_LABEL="French"/>
  <CONSTRAINT STEREOTYPE="Time_Subdivision"/>
  <CONSTRAINT STEREOTYPE="Symbolic_Subdivision"/>
  <CONSTRAINT STEREOTYPE="Symbolic_Association"/>
  <CONSTRAINT STEREOTYPE="Included_In"/>
  <CONTROLLED_VOCABULARY CV_ID="Emotions">
    <DESCRIPTION LANG_REF="eng">what is felt</DESCRIPTION>
    <CV_ENTRY_ML CVE_ID="cveid0"><CVE_VALUE DESCRIPTION="content" LANG_REF="eng">joy</CVE_VALUE><CVE_VALUE LANG_REF="fra">joie</CVE_VALUE></CV_ENTRY_ML>
    <CV_ENTRY_ML CVE_ID="cveid1"><CVE_VALUE LANG_REF="eng">sadness</CVE_VALUE><CVE_VALUE LANG_REF="fra">tristesse</CVE_VALUE></CV_ENTRY_ML>
  </CONTROLLED_VOCABULARY>
</ANNOTATION_DOCUMENT>
)eaf";

EafFile read_eaf_text(const std::string& text) {
  test::TempDir dir;
  core::write_file(dir / "a.eaf", text);
  return read_eaf(dir / "a.eaf");
}

std::string with_change(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

const EafAnnotation& annotation_of(const EafFile& file, const std::string& id) {
  for (const EafTier& tier : file.tiers) {
    for (const EafAnnotation& annotation : tier.annotations) {
      if (annotation.id == id) return annotation;
    }
  }
  throw Error(ErrorCode::kInternal, "no annotation " + id);
}

void expect_span(const EafFile& file, const std::string& id, double start_s, double end_s) {
  EXPECT_NEAR(annotation_of(file, id).start_s, start_s, 1e-12) << id;
  EXPECT_NEAR(annotation_of(file, id).end_s, end_s, 1e-12) << id;
}

TEST(Eaf, HeaderTiersAndAlignedTimesAreRead) {
  const EafFile file = read_eaf_text(kSmallEaf);
  EXPECT_EQ(file.author, "A & B");
  EXPECT_EQ(file.format, "3.0");
  ASSERT_EQ(file.media.size(), 1u);
  EXPECT_EQ(file.media[0].url, "file:///D:/dyad1.mp4");
  EXPECT_EQ(file.media[0].relative_url, "./dyad1.mp4");
  EXPECT_EQ(file.media[0].mime_type, "video/mp4");
  EXPECT_EQ(file.media[0].time_origin_s, 1.5);
  ASSERT_EQ(file.linked_files.size(), 1u);
  EXPECT_EQ(file.properties.at("lastUsedAnnotationId"), "12");
  ASSERT_EQ(file.tiers.size(), 6u);
  const EafTier& text = *file.tier("text");
  EXPECT_EQ(text.participant, "Ann");
  EXPECT_EQ(text.annotator, "rater 1");
  EXPECT_EQ(text.language, "eng");
  EXPECT_EQ(file.type_of(text)->constraint, EafConstraint::kNone);
  ASSERT_EQ(text.annotations.size(), 2u);
  EXPECT_EQ(text.annotations[0].id, "a1") << "annotations are sorted by time";
  EXPECT_EQ(text.annotations[0].value, "we like \"it\" <3");
  expect_span(file, "a1", 1, 4);
  expect_span(file, "a2", 5, 6.5);
  EXPECT_EQ(file.tier("nobody"), nullptr);
}

TEST(Eaf, TimesThatNobodySetAreSpreadOverTheSentenceAndNotOverTimeOrder) {
  const EafFile file = read_eaf_text(kSmallEaf);
  // In TIME_ORDER the open slots stand before 1.1 s, a slot of another tier; the sentence runs from 1 to 4 s.
  expect_span(file, "a3", 1, 2);
  expect_span(file, "a4", 2, 3);
  expect_span(file, "a5", 3, 4);
  EXPECT_TRUE(annotation_of(file, "a3").is_start_aligned);
  EXPECT_FALSE(annotation_of(file, "a3").is_end_aligned);
  EXPECT_EQ(annotation_of(file, "a4").parent, "a1");
  EXPECT_EQ(annotation_of(file, "a10").parent, "a1") << "included in the sentence";
  ASSERT_EQ(file.notes.size(), 1u);
  EXPECT_EQ(file.notes[0], "2 of 8 time slots have no time; theirs is estimated");
}

TEST(Eaf, ReferenceAnnotationsShareOrTakeTheTimeOfTheirParents) {
  const EafFile file = read_eaf_text(kSmallEaf);
  // The links say so, do, I; the file has do, I, so.
  expect_span(file, "a7", 5, 5.5);
  expect_span(file, "a8", 5.5, 6);
  expect_span(file, "a6", 6, 6.5);
  expect_span(file, "a9", 5, 5.5);
  EXPECT_EQ(file.tier("words")->annotations[0].value, "so");
  EXPECT_FALSE(annotation_of(file, "a8").is_start_aligned);
}

TEST(Eaf, WordsOfAVocabularyAreFoundByIdAndByTextInAnyLanguage) {
  const EafFile file = read_eaf_text(kSmallEaf);
  const EafTier& emotion = *file.tier("emotion");
  EXPECT_EQ(file.entry_of(emotion, annotation_of(file, "a11"))->id, "cveid1");
  EXPECT_EQ(file.label_of(emotion, annotation_of(file, "a11"), "eng"), "sadness");
  EXPECT_EQ(file.label_of(emotion, annotation_of(file, "a11")), "tristesse");
  EXPECT_EQ(file.label_of(emotion, annotation_of(file, "a12"), "eng"), "joy")
      << "no CVE_REF: its text is a word";
  EXPECT_EQ(file.label_of(emotion, annotation_of(file, "a12"), "nld"), "joie") << "no such language";
  EXPECT_EQ(file.entry_of(*file.tier("text"), annotation_of(file, "a1")), nullptr);
  EXPECT_EQ(file.vocabulary_of(emotion)->descriptions.at("eng"), "what is felt");
  EXPECT_EQ(file.vocabulary_of(emotion)->entries[0].descriptions.at("eng"), "content");
}

TEST(Eaf, PlainVocabulariesOfFormat27AndCdataAreRead) {
  const EafFile file = read_eaf_text(R"eaf(<ANNOTATION_DOCUMENT AUTHOR="" DATE="" FORMAT="2.7" VERSION="2.7">
<HEADER MEDIA_FILE="" TIME_UNITS="PAL-frames"/>
<TIME_ORDER><TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="25"/><TIME_SLOT TIME_SLOT_ID="ts2" TIME_VALUE="60"/></TIME_ORDER>
<TIER TIER_ID="g" LINGUISTIC_TYPE_REF="t"><ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts2">
<ANNOTATION_VALUE>st<![CDATA[ro]]>ke</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION></TIER>
<LINGUISTIC_TYPE LINGUISTIC_TYPE_ID="t" CONTROLLED_VOCABULARY_REF="G"/>
<CONTROLLED_VOCABULARY CV_ID="G" DESCRIPTION="phases"><CV_ENTRY DESCRIPTION="the stroke">stroke</CV_ENTRY></CONTROLLED_VOCABULARY>
<CONTROLLED_VOCABULARY CV_ID="far" DESCRIPTION="" EXT_REF="er1"/>
<EXTERNAL_REF EXT_REF_ID="er1" TYPE="ecv" VALUE="file:/x.ecv"/></ANNOTATION_DOCUMENT>)eaf");
  expect_span(file, "a1", 1.0, 2.4);  // frames of 40 ms
  EXPECT_EQ(annotation_of(file, "a1").value, "stroke");
  EXPECT_EQ(file.entry_of(file.tiers[0], annotation_of(file, "a1"))->descriptions.at(""), "the stroke");
  EXPECT_EQ(file.vocabularies[1].external_url, "file:/x.ecv");
}

TEST(Eaf, WhatIsWrongIsNamedWithItsLine) {
  const std::string good = kSmallEaf;
  const struct {
    const char *from, *to, *expected;
  } kCases[] = {
      {"ANNOTATION_DOCUMENT AUTHOR", "ANNOTATION_DOKUMENT AUTHOR", "no XML: "},
      {"FORMAT=\"3.0\"", "FORMAT=\"4.0\"", ":2: FORMAT '4.0' is unknown; expected 2.x or 3.0"},
      {"milliseconds", "fortnights", "TIME_UNITS 'fortnights'; known: milliseconds, NTSC-frames, PAL-frames"},
      {"TIME_SLOT_ID=\"ts4\"", "TIME_SLOT_ID=\"ts1\"", ":12: a second time slot 'ts1'"},
      {"TIME_VALUE=\"1100\"", "TIME_VALUE=\"1.1e3\"",
       ":12: TIME_VALUE of TIME_SLOT is '1.1e3'; expected a whole number"},
      {"TIME_VALUE=\"1100\"", "TIME_VALUE=\"-1\"", "expected a whole number of 0 to"},
      {"TIME_SLOT_REF1=\"ts4\"", "TIME_SLOT_REF1=\"ts99\"", ":36: TIME_SLOT_REF1 'ts99': no such time slot"},
      {"PARENT_REF=\"words\"", "PARENT_REF=\"wrods\"", ":18: tier 'class': no parent tier 'wrods'"},
      {"ANNOTATION_REF=\"a7\"", "ANNOTATION_REF=\"a1\"",
       "annotation 'a9' refers to 'a1', which is no annotation of the parent tier 'words'"},
      {"ANNOTATION_ID=\"a9\"", "ANNOTATION_ID=\"a8\"", "a second annotation 'a8'"},
      {"TIER_ID=\"gesture\"", "TIER_ID=\"text\"", "a second tier 'text'"},
      {"TYPE_REF=\"inside\"", "TYPE_REF=\"insite\"",
       "tier 'gesture': no linguistic type 'insite'; did you mean 'inside'?"},
      {"PARTICIPANT=\"Ann\"", "PARENT_REF=\"class\"", "its parents form a circle"},
      {"CONSTRAINTS=\"Included_In\"", "CONSTRAINTS=\"Around\"",
       "constraint 'Around'; known: Time_Subdivision"},
      {"VOCABULARY_REF=\"Emotions\"", "VOCABULARY_REF=\"Moods\"", "no controlled vocabulary 'Moods'"},
      {"CVE_ID=\"cveid1\"", "CVE_ID=\"cveid0\"", "a second word with CVE_ID 'cveid0'"},
      {"TIME_SLOT_REF1=\"ts4\" TIME_SLOT_REF2=\"ts5\"", "TIME_SLOT_REF1=\"ts5\" TIME_SLOT_REF2=\"ts4\"",
       "annotation 'a10' ends at 1.1 s, before its start at 2 s"},
      {"<ANNOTATION_VALUE>nod", "<ANNOTATION_VALUE>n\xff", "is not UTF-8"},
  };
  for (const auto& c : kCases) {
    const std::string message =
        test::error_of([&] { read_eaf_text(with_change(good, c.from, c.to)); }, ErrorCode::kData);
    EXPECT_NE(message.find(c.expected), std::string::npos) << c.expected << "\n" << message;
    EXPECT_NE(message.find("a.eaf:"), std::string::npos) << message;
  }
}

TEST(Eaf, EntitiesDepthWidthAndOtherEncodingsAreRefused) {
  const auto refusal = [](const std::string& text) {
    return test::error_of([&] { read_eaf_text(text); }, ErrorCode::kData);
  };
  const std::string bomb =
      "<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b "
      "\"&a;&a;&a;&a;&a;&a;&a;&a;\">]>\n<ANNOTATION_DOCUMENT FORMAT=\"3.0\">&b;</ANNOTATION_DOCUMENT>";
  EXPECT_NE(refusal(bomb).find("a DOCTYPE"), std::string::npos);
  const std::string file_entity =
      "<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><ANNOTATION_DOCUMENT/>";
  EXPECT_NE(refusal(file_entity).find("a DOCTYPE"), std::string::npos);
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "<a>";
  for (int i = 0; i < 100'000; ++i) deep += "</a>";
  EXPECT_NE(refusal(deep).find("nested deeper than 32"), std::string::npos);
  EXPECT_NE(refusal(std::string(5'000'000, '<')).find("more than 4000000 elements"), std::string::npos);
  EXPECT_NE(refusal("<a/><b/>").find("2 root elements"), std::string::npos);
  EXPECT_NE(refusal("\xff\xfe<\0a\0").find("UTF-16"), std::string::npos);
  EXPECT_NE(refusal("").find("no XML"), std::string::npos);
  EXPECT_NE(refusal("<HTML/>").find("the root element is 'HTML'"), std::string::npos);
  std::string tiers =
      "<ANNOTATION_DOCUMENT FORMAT=\"3.0\"><HEADER/><TIME_ORDER/><LINGUISTIC_TYPE LINGUISTIC_TYPE_ID=\"t\"/>";
  for (int i = 0; i < 5000; ++i)
    tiers += "<TIER LINGUISTIC_TYPE_REF=\"t\" TIER_ID=\"" + std::to_string(i) + "\"/>";
  EXPECT_NE(refusal(tiers + "</ANNOTATION_DOCUMENT>").find("more than 4096 tiers"), std::string::npos);
}

bool is_same_annotation(const EafAnnotation& a, const EafAnnotation& b) {
  return a.id == b.id && a.value == b.value && a.parent == b.parent && a.entry == b.entry &&
         std::abs(a.start_s - b.start_s) < 0.0006 && std::abs(a.end_s - b.end_s) < 0.0006 &&
         a.is_start_aligned == b.is_start_aligned && a.is_end_aligned == b.is_end_aligned;
}

TEST(Eaf, WhatIsWrittenReadsBackTheSame) {
  test::TempDir dir;
  const EafFile file = read_eaf_text(kSmallEaf);
  write_eaf(dir / "b.eaf", file);
  const EafFile again = read_eaf(dir / "b.eaf");
  EXPECT_EQ(again.author, file.author);
  EXPECT_EQ(again.date, file.date);
  EXPECT_EQ(again.media[0].relative_url, file.media[0].relative_url);
  EXPECT_EQ(again.media[0].time_origin_s, 1.5);
  ASSERT_EQ(again.tiers.size(), file.tiers.size());
  for (size_t t = 0; t < file.tiers.size(); ++t) {
    EXPECT_EQ(again.tiers[t].id, file.tiers[t].id);
    EXPECT_EQ(again.tiers[t].participant, file.tiers[t].participant);
    EXPECT_EQ(again.tiers[t].annotator, file.tiers[t].annotator);
    EXPECT_EQ(again.tiers[t].parent, file.tiers[t].parent);
    EXPECT_EQ(again.tiers[t].language, file.tiers[t].language);
    ASSERT_EQ(again.tiers[t].annotations.size(), file.tiers[t].annotations.size());
    for (size_t i = 0; i < file.tiers[t].annotations.size(); ++i)
      EXPECT_TRUE(is_same_annotation(again.tiers[t].annotations[i], file.tiers[t].annotations[i]))
          << file.tiers[t].annotations[i].id;
  }
  ASSERT_EQ(again.vocabularies.size(), 1u);
  EXPECT_EQ(again.vocabularies[0].entries[1].values, file.vocabularies[0].entries[1].values);
  EXPECT_EQ(again.languages.size(), 2u);
  // A second generation is the same bytes.
  write_eaf(dir / "c.eaf", again);
  EXPECT_EQ(core::read_file(dir / "b.eaf"), core::read_file(dir / "c.eaf"));
}

/// What an export of events needs: tiers by person and channel, with a vocabulary.
EafFile events_file() {
  EafFile file;
  file.author = "limbic";
  file.date = "2026-11-22T04:00:00Z";
  file.media = {{"file:///corpus/a b.mp4", "./a b.mp4", "video/mp4", 0.0}};
  file.vocabularies = {
      {"emotion", {}, {{"", {{"", "joy"}}, {{"", "is glad"}}}, {"", {{"", "anger"}}, {}}}, ""}};
  file.types = {{"emotion", EafConstraint::kNone, "emotion"}};
  EafTier tier;
  tier.id = "person 1: emotion";
  tier.participant = "person 1";
  tier.type = "emotion";
  tier.annotations = {{"", 0.0, 1.25, "joy"}, {"", 1.25, 2.0004, "anger"}};
  file.tiers.push_back(tier);
  file.tiers.push_back({"notes"});
  file.tiers.back().annotations = {{"", 0.5, 7200.125, "a\tb & <c>"}};
  return file;
}

TEST(Eaf, EventsAreWrittenByteForByteAsExpected) {
  test::TempDir dir;
  write_eaf(dir / "events.eaf", events_file());
  EXPECT_EQ(core::read_file(dir / "events.eaf"),
            R"eaf(<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT AUTHOR="limbic" DATE="2026-11-22T04:00:00Z" FORMAT="3.0" VERSION="3.0" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:noNamespaceSchemaLocation="http://www.mpi.nl/tools/elan/EAFv3.0.xsd">
    <HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">
        <MEDIA_DESCRIPTOR MEDIA_URL="file:///corpus/a b.mp4" MIME_TYPE="video/mp4" RELATIVE_MEDIA_URL="./a b.mp4"/>
        <PROPERTY NAME="lastUsedAnnotationId">3</PROPERTY>
    </HEADER>
    <TIME_ORDER>
        <TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="0"/>
        <TIME_SLOT TIME_SLOT_ID="ts2" TIME_VALUE="500"/>
        <TIME_SLOT TIME_SLOT_ID="ts3" TIME_VALUE="1250"/>
        <TIME_SLOT TIME_SLOT_ID="ts4" TIME_VALUE="1250"/>
        <TIME_SLOT TIME_SLOT_ID="ts5" TIME_VALUE="2000"/>
        <TIME_SLOT TIME_SLOT_ID="ts6" TIME_VALUE="7200125"/>
    </TIME_ORDER>
    <TIER LINGUISTIC_TYPE_REF="emotion" PARTICIPANT="person 1" TIER_ID="person 1: emotion">
        <ANNOTATION>
            <ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts3">
                <ANNOTATION_VALUE>joy</ANNOTATION_VALUE>
            </ALIGNABLE_ANNOTATION>
        </ANNOTATION>
        <ANNOTATION>
            <ALIGNABLE_ANNOTATION ANNOTATION_ID="a2" TIME_SLOT_REF1="ts4" TIME_SLOT_REF2="ts5">
                <ANNOTATION_VALUE>anger</ANNOTATION_VALUE>
            </ALIGNABLE_ANNOTATION>
        </ANNOTATION>
    </TIER>
    <TIER LINGUISTIC_TYPE_REF="default-lt" TIER_ID="notes">
        <ANNOTATION>
            <ALIGNABLE_ANNOTATION ANNOTATION_ID="a3" TIME_SLOT_REF1="ts2" TIME_SLOT_REF2="ts6">
                <ANNOTATION_VALUE>a&#9;b &amp; &lt;c&gt;</ANNOTATION_VALUE>
            </ALIGNABLE_ANNOTATION>
        </ANNOTATION>
    </TIER>
    <LINGUISTIC_TYPE CONTROLLED_VOCABULARY_REF="emotion" GRAPHIC_REFERENCES="false" LINGUISTIC_TYPE_ID="emotion" TIME_ALIGNABLE="true"/>
    <LINGUISTIC_TYPE GRAPHIC_REFERENCES="false" LINGUISTIC_TYPE_ID="default-lt" TIME_ALIGNABLE="true"/>
    <LANGUAGE LANG_DEF="http://cdb.iso.org/lg/CDB-00130975-001" LANG_ID="und" LANG_LABEL="undetermined (und)"/>
    <CONSTRAINT DESCRIPTION="Time subdivision of parent annotation's time interval, no time gaps allowed within this interval" STEREOTYPE="Time_Subdivision"/>
    <CONSTRAINT DESCRIPTION="Symbolic subdivision of a parent annotation. Annotations refering to the same parent are ordered" STEREOTYPE="Symbolic_Subdivision"/>
    <CONSTRAINT DESCRIPTION="1-1 association with a parent annotation" STEREOTYPE="Symbolic_Association"/>
    <CONSTRAINT DESCRIPTION="Time alignable annotations within the parent annotation's time interval, gaps are allowed" STEREOTYPE="Included_In"/>
    <CONTROLLED_VOCABULARY CV_ID="emotion">
        <CV_ENTRY_ML CVE_ID="cveid0">
            <CVE_VALUE DESCRIPTION="is glad" LANG_REF="und">joy</CVE_VALUE>
        </CV_ENTRY_ML>
        <CV_ENTRY_ML CVE_ID="cveid1">
            <CVE_VALUE LANG_REF="und">anger</CVE_VALUE>
        </CV_ENTRY_ML>
    </CONTROLLED_VOCABULARY>
</ANNOTATION_DOCUMENT>
)eaf");
}

TEST(Eaf, TheWriterRefusesWhatElanWouldNotOpen) {
  test::TempDir dir;
  const auto refusal = [&](const std::function<void(EafFile&)>& change, const EafFile& file) {
    EafFile bad = file;
    change(bad);
    return test::error_of([&] { write_eaf(dir / "bad.eaf", bad); }, ErrorCode::kData);
  };
  const EafFile events = events_file();
  const EafFile full = read_eaf_text(kSmallEaf);
  const auto expect = [](const std::string& message, const char* part) {
    EXPECT_NE(message.find(part), std::string::npos) << message;
  };
  expect(refusal([](EafFile& f) { f.tiers[0].annotations[1].start_s = 1.2; }, events),
         "annotations of a tier must not overlap");
  expect(refusal([](EafFile& f) { f.tiers[0].annotations[0].end_s = 0.0002; }, events),
         "has no length in milliseconds");
  expect(refusal([](EafFile& f) { f.tiers[0].annotations[0].start_s = -0.1; }, events),
         "time -0.1 s; expected 0 to 4294967 s");
  expect(refusal([](EafFile& f) { f.tiers[0].annotations[0].start_s = std::nan(""); }, events), "time nan s");
  expect(refusal([](EafFile& f) { f.tiers[1].id = f.tiers[0].id; }, events), "a second tier of this name");
  expect(refusal([](EafFile& f) { f.tiers[1].type = "none"; }, events), "no linguistic type 'none'");
  expect(refusal([](EafFile& f) { f.tiers[0].annotations[0].value = "a\x01"; }, events),
         "a character that XML cannot hold");
  expect(refusal([](EafFile& f) { f.tiers[0].annotations[0].value = "\xff"; }, events),
         "is not UTF-8 or has");
  expect(refusal([](EafFile& f) { f.tiers[0].annotations[0].id = "7 b"; }, events),
         "annotation id '7 b'; expected a letter");
  expect(refusal([](EafFile& f) { f.date = "yesterday"; }, events), "date 'yesterday'");
  expect(refusal([](EafFile& f) { f.tiers[0].parent = "notes"; }, events),
         "its linguistic type needs a constraint");
  expect(refusal([](EafFile& f) { f.tiers[2].annotations[1].end_s = 2.9; }, full),
         "a time subdivision has no gaps");
  expect(refusal([](EafFile& f) { f.tiers[3].annotations[0].parent = "a11"; }, full),
         "which is none of tier 'text'");
  expect(refusal([](EafFile& f) { f.tiers[4].annotations[0].end_s = 4.5; }, full),
         "leaves its parent's time");
  EXPECT_FALSE(std::filesystem::exists(dir / "bad.eaf"));
}

TEST(Eaf, XmllintFindsWhatIsWrittenValidAgainstTheSchema) {
  const char* schema = std::getenv("LIMBIC_EAF_XSD");
  if (schema == nullptr)
    GTEST_SKIP() << "LIMBIC_EAF_XSD does not name EAFv3.0.xsd (mpi.nl/tools/elan), which is not ours to ship";
  if (std::system("xmllint --version >/dev/null 2>&1") != 0) GTEST_SKIP() << "no xmllint";
  test::TempDir dir;
  write_eaf(dir / "events.eaf", events_file());
  write_eaf(dir / "full.eaf", read_eaf_text(kSmallEaf));
  write_eaf(dir / "empty.eaf", EafFile());
  for (const char* name : {"events.eaf", "full.eaf", "empty.eaf"}) {
    const std::string command = "xmllint --noout --schema '" + std::string(schema) + "' '" + (dir / name) +
                                "' 2>'" + (dir / "log") + "'";
    EXPECT_EQ(std::system(command.c_str()), 0) << core::read_file(dir / "log");
  }
}

TEST(Eaf, TwoThousandDamagedFilesAreReadOrRefused) {
  const auto outcome =
      test::read_mutants("a.eaf", kSmallEaf, test::num_mutants(), [](const std::string& path) {
        const EafFile file = read_eaf(path);
        for (const EafTier& tier : file.tiers) {
          for (const EafAnnotation& annotation : tier.annotations) {
            EXPECT_LE(annotation.start_s, annotation.end_s);
            file.label_of(tier, annotation, "eng");
          }
        }
      });
  EXPECT_GT(outcome.num_read, 100);
  EXPECT_GT(outcome.num_refused, 500);
}

}  // namespace
}  // namespace limbic::formats
