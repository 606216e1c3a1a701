// Our HDF5 reader against h5py (the C library 1.10), on files of every layout that h5py can be asked for.
#include "limbic/formats/hdf5.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <sstream>
#include <thread>

#include "limbic/core/rng.h"
#include "limbic/formats/mat.h"
#include "sensor_files_for_tests.h"

namespace limbic::formats {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Files of all types, layouts, filters and indexes, small and (named "_big") with deep indexes.
constexpr const char* kMakeHdf5 = R"(
import sys, h5py, numpy as np
from h5py import h5d, h5p, h5s, h5t
d = sys.argv[1] + '/'
rng = np.random.default_rng(5)
x = rng.standard_normal((40, 7))
def add_types(f):
    g = f.create_group('types')
    for t in ('<f2 >f2 <f4 >f4 <f8 >f8 i1 <i2 >i2 <i4 >i4 <i8 >i8 u1 <u2 >u2 <u4 >u4 <u8 >u8').split():
        g[t.replace('<', 'le').replace('>', 'be')] = (x * 40).round().clip(0 if 'u' in t else -120, 120).astype(t)
    g['bool'] = np.array([[True, False], [False, True]])
    g['scalar'] = 2.5
    g['fixed'] = np.array([b'ab', b'', b'abcd'])
    g['vlen'] = np.array(['h\u00e9', '', 'x' * 5000], dtype=object)
    g['one'] = 'text'
    g['none'] = np.zeros((0, 3))
    g.create_dataset('emotion', data=np.array([2, 5, -3]), dtype=h5py.enum_dtype({'HAPPY': 2, 'SAD': 5, 'LOW': -3}, basetype='>i2'))
    g['compound'] = np.array([(1, 2.5, b'abc', [1, 2]), (3, -4, b'', [3, 4])],
                             dtype=[('a', '>i4'), ('b', 'f8'), ('c', 'S3'), ('d', 'u1', (2,))])
    g['nested'] = np.array([((1.5, 2.5), 3)], dtype=[('z', [('real', 'f8'), ('imag', 'f8')]), ('n', 'i2')])
    g['texts_in_compound'] = np.array([('p', 1), ('qq', 2)], dtype=[('s', h5py.string_dtype()), ('n', 'i4')])
    f['named'] = np.dtype('>f4')
    g.create_dataset('committed', data=[1.5, 2], dtype=f['named'])
    g['committed'].attrs.create('t', 3.5, dtype=f['named'])
    t = h5t.C_S1.copy(); t.set_size(4); t.set_strpad(h5t.STR_SPACEPAD)
    s = h5d.create(g.id, b'spaces', t, h5s.create_simple((2,)))
    s.write(h5s.ALL, h5s.ALL, np.array([b'ab  ', b'c   ']), mtype=t)
def add_layouts(f):
    l = f.create_group('layouts')
    p = h5p.create(h5p.DATASET_CREATE); p.set_layout(h5d.COMPACT)
    h5d.create(l.id, b'compact', h5t.IEEE_F64LE, h5s.create_simple((40, 7)), p).write(h5s.ALL, h5s.ALL, x)
    l['contiguous'] = x
    filters = {'plain': {}, 'gzip': dict(compression='gzip'), 'fletcher': dict(fletcher32=True),
               'all': dict(compression='gzip', shuffle=True, fletcher32=True), 'lzf': dict(compression='lzf', shuffle=True)}
    for name, o in filters.items():
        l.create_dataset('fixed_' + name, data=x, chunks=(8, 3), **o)
        l.create_dataset('single_' + name, data=x, chunks=(40, 7), **o)
        l.create_dataset('rows_' + name, data=x, chunks=(8, 3), maxshape=(None, 7), **o)
        l.create_dataset('columns_' + name, data=x, chunks=(8, 3), maxshape=(90, None), **o)
        l.create_dataset('both_' + name, data=x, chunks=(8, 3), maxshape=(None, None), **o)
        l.create_dataset('larger_' + name, data=x, chunks=(8, 3), maxshape=(100, 30), **o)
    l.create_dataset('cube', data=rng.integers(0, 99, (5, 6, 7)), chunks=(2, 6, 3), maxshape=(5, None, 7), compression='gzip')
    p = h5p.create(h5p.DATASET_CREATE); p.set_chunk((8, 3)); p.set_alloc_time(h5d.ALLOC_TIME_EARLY)
    h5d.create(l.id, b'implicit', h5t.IEEE_F64LE, h5s.create_simple((40, 7)), p).write(h5s.ALL, h5s.ALL, x)
    s = l.create_dataset('sparse', (40, 7), 'f4', chunks=(8, 3), fillvalue=-1.5, maxshape=(None, None)); s[9:12, 2:5] = 4
    s = l.create_dataset('shrunk', data=x, chunks=(8, 3), maxshape=(None, None)); s.resize((21, 5))
    s = l.create_dataset('grown', data=x, chunks=(8, 3), maxshape=(None, 7)); s.resize((100, 7)); s[90:] = 3
    l.create_dataset('unwritten', (3, 4), 'i4', fillvalue=7)
def add_links(f, big):
    a = f.create_group('attributes')
    for k in range(big // 10): a.attrs['a%04d' % k] = np.arange(k)
    a.attrs['huge'] = np.arange(1500)
    a.attrs['text'] = 'h\u00e9llo'; a.attrs['texts'] = ['a', 'bb']; a.attrs['bytes'] = np.bytes_('abc')
    m = f.create_group('many')
    for k in range(big): m.create_dataset('video %05d' % k, data=np.float32(k))
    n = f
    for k in range(3): n = n.create_group('deeper')
    n['x'] = 1
    o = f.create_group('ordered', track_order=True)
    for k in range(20): o['o%d' % (20 - k)] = k
def add_long(f):
    y = np.arange(20000)
    f.create_dataset('long_rows', data=y, chunks=(3,), maxshape=(None,), compression='gzip')
    f.create_dataset('long_plain', data=y, chunks=(2,), maxshape=(None,))
    f.create_dataset('long_fixed', data=y, chunks=(3,))
    f.create_dataset('long_both', data=y.reshape(200, 100), chunks=(2, 3), maxshape=(None, None), shuffle=True, compression='gzip')
    s = f.create_dataset('gaps', (200000,), 'f4', chunks=(4,), maxshape=(None,), fillvalue=2); s[150000:150040] = 5; s[199999] = 1
    s = f.create_dataset('gaps_fixed', (200000,), 'f4', chunks=(4,), fillvalue=2); s[150000:150040] = 5
def fill(f):
    add_types(f); add_layouts(f); add_links(f, 30)
for name, lib in (('earliest', 'earliest'), ('v108', ('v108', 'v108')), ('latest', 'latest')):
    with h5py.File(d + name + '.h5', 'w', libver=lib) as f: fill(f)
    if name == 'v108': continue
    with h5py.File(d + name + '_big.h5', 'w', libver=lib) as f: add_links(f, 1500); add_long(f)
with h5py.File(d + 'userblock.h5', 'w', userblock_size=1024) as f: fill(f)
for name, bounds in (('small_earliest', h5py.h5f.LIBVER_EARLIEST), ('small_latest', h5py.h5f.LIBVER_LATEST)):
    p = h5p.create(h5p.FILE_CREATE); p.set_sizes(4, 4)
    a = h5p.create(h5p.FILE_ACCESS); a.set_libver_bounds(bounds, h5py.h5f.LIBVER_LATEST)
    with h5py.File(h5py.h5f.create((d + name + '.h5').encode(), h5py.h5f.ACC_TRUNC, p, a)) as f:
        f.create_dataset('fixed', data=x, chunks=(1, 7))
        # The library cannot read its own extensible arrays with lengths of 4 bytes.
        if name == 'small_earliest': f.create_dataset('rows', data=x, chunks=(8, 7), maxshape=(None, 7))
        f['t'] = np.array(['aa', 'b'], dtype=object); f.attrs['k'] = 1
print('ok')
)";

/// Holds the arrays that we read (an .npz, '!' for '/') against h5py's.
constexpr const char* kJudgeHdf5 = R"(
import sys, h5py, numpy as np
def plain(v, dtype):
    v = np.asarray(v)
    if v.dtype.kind in 'SO': v = np.array([t if isinstance(t, str) else t.decode() for t in v.ravel()], dtype='U').reshape(v.shape)
    return v.astype('f8') if v.dtype.kind in 'fiub' else v
def parts(name, v):
    if v.dtype.names:
        for n in v.dtype.names: yield from parts(name + '.' + n, v[n])
    else:
        yield name, v
for stem in sys.argv[2:]:
    ours = np.load(sys.argv[1] + '/' + stem + '.npz')
    seen = set()
    def check(name, v):
        for key, part in parts(name, np.asarray(v)):
            key = key.replace('/', '!')
            theirs, mine = plain(part, None), ours[key]
            seen.add(key)
            if theirs.dtype.kind == 'U': mine, theirs = mine.ravel(), theirs.ravel()
            assert mine.shape == theirs.shape and np.array_equal(mine, theirs, equal_nan=theirs.dtype.kind == 'f'), (stem, key, mine, theirs)
    with h5py.File(sys.argv[1] + '/' + stem + '.h5', 'r') as f:
        def visit(name, o):
            for k, v in o.attrs.items(): check('/' + name + '@' + k, v)
            if isinstance(o, h5py.Dataset): check('/' + name, o[()])
        f.visititems(visit)
        for k, v in f.attrs.items(): check('/@' + k, v)
    assert seen == set(ours.files), (stem, seen ^ set(ours.files))
    print(stem, len(seen))
)";

/// Everything below a node by its path, fields and attributes too.
void collect(const Hdf5Node& node, std::map<std::string, NpyArray>& arrays, int depth = 0) {
  for (const std::string& name : node.attribute_names())
    arrays[node.path() + "@" + name] = node.attribute(name);
  if (node.is_dataset()) {
    const auto add = [&](const auto& self, const std::string& field) -> void {
      try {
        arrays[node.path() + (field.empty() ? "" : ".") + field] = node.read(field);
      } catch (const Error& error) {
        // A compound in a compound names its parts.
        const std::string what = error.what();
        const size_t at = what.find("name one: ");
        if (at == std::string::npos) throw;
        std::istringstream names(what.substr(at + 10));
        for (std::string name; std::getline(names, name, ',');) {
          name.erase(0, name.find_first_not_of(' '));
          self(self, field + (field.empty() ? "" : ".") + name);
        }
      }
    };
    add(add, "");
  }
  if (!node.is_group() || depth > 8) return;
  for (const std::string& name : node.names()) collect(node.child(name), arrays, depth + 1);
}

TEST(Hdf5, EqualsH5pyForEveryTypeLayoutAndIndex) {
  test::TempDir dir;
  if (!test_files::python(kMakeHdf5, "'" + dir.path() + "'")) GTEST_SKIP() << "no python3 with h5py";
  std::string stems;
  size_t num_arrays = 0;
  for (const char* stem : {"earliest", "v108", "latest", "earliest_big", "latest_big", "userblock",
                           "small_earliest", "small_latest"}) {
    std::map<std::string, NpyArray> arrays;
    collect(open_hdf5(dir / (std::string(stem) + ".h5")), arrays);
    NpzWriter npz(dir / (std::string(stem) + ".npz"));
    for (const auto& [path, array] : arrays) {
      std::string key = path;
      std::replace(key.begin(), key.end(), '/', '!');
      if (array.dtype[1] == 'S' || array.dtype[1] == 'T')
        npz.add(key, array.text);
      else
        npz.add(key, array.shape, array.values);
    }
    npz.finish();
    num_arrays += arrays.size();
    stems += std::string(" ") + stem;
  }
  EXPECT_GT(num_arrays, 3000u);
  const auto judged = test_files::python(kJudgeHdf5, "'" + dir.path() + "'" + stems);
  ASSERT_TRUE(judged.has_value());
  EXPECT_THAT(*judged, HasSubstr("small_latest 3"));
  // The same parts again, as rows and blocks of every place.
  for (const char* stem : {"earliest", "latest"}) {
    const Hdf5Node layouts = open_hdf5(dir / (std::string(stem) + ".h5")).child("layouts");
    for (const std::string& name : layouts.names()) {
      const Hdf5Node node = layouts.child(name);
      const auto shape = node.shape();
      if (shape.size() != 2) continue;
      const NpyArray all = node.read();
      for (uint64_t row = 0; row < shape[0]; row += 5) {
        const uint64_t num_rows = std::min<uint64_t>(11, shape[0] - row), column = row % shape[1];
        const NpyArray rows = node.read_rows(row, num_rows);
        const NpyArray block = node.read_block({row, column}, {num_rows, shape[1] - column});
        for (uint64_t r = 0; r < num_rows; ++r) {
          for (uint64_t c = 0; c < shape[1]; ++c) {
            const double expected = all.values[(row + r) * shape[1] + c];
            ASSERT_EQ(rows.values[r * shape[1] + c], expected) << name;
            if (c >= column) {
              ASSERT_EQ(block.values[r * (shape[1] - column) + c - column], expected) << name;
            }
          }
        }
      }
    }
  }
}

/// Made by h5py 3.7 from sines: libver 'earliest' and 'latest'.
std::string golden(const std::string& name) {
  const std::string path = "tests/formats/golden/hdf5_" + name + ".h5.gz";
  gzFile file = gzopen(path.c_str(), "rb");
  EXPECT_NE(file, nullptr) << path;
  std::string bytes(1 << 16, '\0');
  bytes.resize(static_cast<size_t>(std::max(0, gzread(file, bytes.data(), 1 << 16))));
  gzclose(file);
  return bytes;
}

TEST(Hdf5, StoredFilesOfOldAndNewLayoutReadAlike) {
  for (const char* name : {"earliest", "latest"}) {
    test::TempDir dir;
    core::write_file(dir / "a.h5", golden(name));
    const Hdf5Node root = open_hdf5(dir / "a.h5");
    EXPECT_THAT(root.names(), ElementsAre("chunks", "contiguous", "half", "is", "link", "many", "pairs",
                                          "text", "texts", "to"));
    EXPECT_EQ(root.attribute("made by").text[0], "h5py");
    const NpyArray x = root.child("contiguous").read();
    EXPECT_EQ(x.dtype, ">f4");
    EXPECT_THAT(x.shape, ElementsAre(20, 3));
    for (size_t i = 0; i < 60; ++i) EXPECT_NEAR(x.values[i], std::sin(static_cast<double>(i)), 6e-4);
    for (const std::string& chunked : root.child("chunks").names())
      EXPECT_EQ(root.child("chunks/" + chunked).read().values, x.values) << name << chunked;
    EXPECT_EQ(root.child("half").dtype(), "<f2");
    EXPECT_NEAR(root.child("link").read().values[1], 0.841, 3e-4);
    EXPECT_THAT(root.child("text").read().text, ElementsAre("ab", "c"));
    EXPECT_THAT(root.child("texts").read().text, ElementsAre("h\xc3\xa9llo", "", std::string(300, 'x')));
    const Hdf5Node pairs = root.child("pairs");
    EXPECT_THAT(pairs.fields(), ElementsAre("a", "b", "c"));
    EXPECT_THAT(pairs.read("b").values, ElementsAre(2.5, -1));
    EXPECT_THAT(pairs.read_rows(1, 1, "a").values, ElementsAre(2));
    EXPECT_THAT(pairs.read("c").text, ElementsAre("abc", ""));
    EXPECT_EQ(root.child("is").dtype(), "|b1");
    const auto to = root.child("to").references();
    ASSERT_EQ(to.size(), 2u);
    EXPECT_THAT(to[0].value().shape(), ElementsAre(2, 3));
    EXPECT_THAT(to[1].value().read().text, ElementsAre("ab", "c"));
    EXPECT_EQ(root.child("/many/m11").read().values[0], 11);
    EXPECT_EQ(root.child("many").attribute("a07").values[0], 7);
    EXPECT_FALSE(root.has("many/m12"));
  }
}

TEST(Hdf5, ErrorsSayWhatIsThere) {
  test::TempDir dir;
  core::write_file(dir / "a.h5", golden("latest"));
  const Hdf5Node root = open_hdf5(dir / "a.h5");
  const auto error = [&](auto&& action) { return test::error_of(action, ErrorCode::kData); };
  EXPECT_THAT(error([&] { root.child("chunks/rowz"); }),
              HasSubstr("/chunks: no 'rowz' here; did you mean 'rows'?"));
  EXPECT_THAT(error([&] { root.child("half/x"); }), HasSubstr("/half: no 'x' here; it is not a group"));
  EXPECT_THAT(error([&] { root.read(); }), HasSubstr("/: not a dataset"));
  EXPECT_THAT(error([&] { root.child("half").names(); }), HasSubstr("/half: not a group"));
  EXPECT_THAT(error([&] { root.attribute("made bye"); }), HasSubstr("did you mean 'made by'?"));
  EXPECT_THAT(error([&] { root.child("pairs").read(); }),
              HasSubstr("/pairs: its elements have several parts; name one: a, b, c"));
  EXPECT_THAT(error([&] { root.child("pairs").read("x"); }), HasSubstr("no field 'x'"));
  EXPECT_THAT(error([&] { root.child("half").read("x"); }), HasSubstr("no field 'x'"));
  EXPECT_THAT(error([&] { root.child("half").read_rows(1, 2); }),
              HasSubstr("indices 1 to 3 of dimension 1, which has 2"));
  EXPECT_THAT(error([&] { root.child("half").read_rows(UINT64_MAX, 2); }),
              HasSubstr("dimension 1, which has 2"));
  EXPECT_THAT(error([&] { root.child("half").references(); }),
              HasSubstr("not a dataset of object references"));
  EXPECT_THAT(error([&] { open_hdf5(dir / "none.h5"); }), HasSubstr("cannot open"));
  const auto open = [&](const std::string& bytes) {
    core::write_file(dir / "b.h5", bytes);
    return error([&] { open_hdf5(dir / "b.h5"); });
  };
  EXPECT_THAT(open(""), HasSubstr("not an HDF5 file: no signature at byte 0, 512, 1024 ..."));
  std::string bad = golden("latest");
  bad[20] = static_cast<char>(bad[20] ^ 1);
  EXPECT_THAT(open(bad), HasSubstr("byte 0: the superblock: its checksum does not fit"));
  EXPECT_THAT(open(golden("latest").substr(0, 60)), HasSubstr("lies beyond the end of the file"));
  Hdf5Options options;
  options.max_bytes = 100;
  const Hdf5Node small = open_hdf5(dir / "a.h5", options);
  EXPECT_THAT(error([&] { small.child("contiguous").read(); }),
              HasSubstr("60 values need 480 bytes of memory, allowed are 100; read fewer rows at a time"));
  EXPECT_EQ(small.child("contiguous").read_rows(3, 4).values.size(), 12u);
}

TEST(Hdf5, WhatIsNotReadIsNamed) {
  test::TempDir dir;
  const auto made = test_files::python(R"(
import sys, h5py, numpy as np
with h5py.File(sys.argv[1] + '/a.h5', 'w', libver='latest') as f:
    f.create_dataset('scaled', data=np.arange(64), chunks=(8,), scaleoffset=0)
    f.create_dataset('ragged', (2,), dtype=h5py.vlen_dtype('f4'))
    f['opaque'] = np.zeros(2, dtype='V4')
    l = h5py.VirtualLayout((4,), 'f4'); l[:] = h5py.VirtualSource('x.h5', 'x', (4,))
    f.create_virtual_dataset('virtual', l)
    f.create_dataset('external', (4,), 'f4', external=[('x.bin', 0, 16)])
    f['outside'] = h5py.ExternalLink('other.h5', '/x')
    f['dangling'] = h5py.SoftLink('/nowhere')
    f['circle'] = h5py.SoftLink('/circle')
    f.create_dataset('vast', (1 << 40,), 'f8', chunks=(1024,))
print('ok')
)",
                                       "'" + dir.path() + "'");
  if (!made) GTEST_SKIP() << "no python3 with h5py";
  const Hdf5Node root = open_hdf5(dir / "a.h5");
  const auto error = [&](const std::string& path) {
    return test::error_of([&] { root.child(path).read(); }, ErrorCode::kData);
  };
  EXPECT_THAT(error("scaled"),
              HasSubstr("filter 6 (scaleoffset) is not read; repack the file with h5repack"));
  EXPECT_THAT(error("ragged"), HasSubstr("sequences of variable length"));
  EXPECT_THAT(error("opaque"), HasSubstr("opaque bytes"));
  EXPECT_THAT(error("virtual"), HasSubstr("a virtual dataset"));
  EXPECT_THAT(error("external"), HasSubstr("data lie in other files"));
  EXPECT_THAT(error("outside"), HasSubstr("a link into another file ('other.h5')"));
  EXPECT_THAT(error("dangling"), HasSubstr("no 'nowhere' here"));
  EXPECT_THAT(error("circle"), HasSubstr("soft links that lead in a circle"));
  EXPECT_THAT(error("vast"),
              HasSubstr("elements of 8 bytes, more than this file can hold; read fewer rows at a time"));
  EXPECT_EQ(root.child("vast").read_rows(uint64_t{1} << 39, 10).values, std::vector<double>(10, 0.0));
}

TEST(Hdf5, ThreadsShareAnOpenFile) {
  test::TempDir dir;
  core::write_file(dir / "a.h5", golden("latest"));
  const Hdf5Node root = open_hdf5(dir / "a.h5");
  const Hdf5Node rows = root.child("chunks/rows");
  const NpyArray expected = root.child("contiguous").read();
  std::vector<std::thread> threads;
  std::vector<int> num_equal(4, 0);
  for (size_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (uint64_t r = 0; r < 20; ++r) {
        const NpyArray row = rows.read_rows(r, 1);
        num_equal[t] += std::equal(row.values.begin(), row.values.end(),
                                   expected.values.begin() + static_cast<int64_t>(3 * r)) &&
                        root.child("many/m03").read().values[0] == 3;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(num_equal, ElementsAre(20, 20, 20, 20));
}

/// One to four damages: bits, runs, numbers that sizes and addresses like, cuts, pieces moved.
std::string damaged(std::string bytes, core::Rng& rng) {
  const auto below = [&](size_t n) { return static_cast<size_t>(rng.uniform() * static_cast<double>(n)); };
  for (size_t k = 1 + below(4); k > 0 && bytes.size() > 16; --k) {
    const size_t at = below(bytes.size() - 8);
    switch (below(8)) {
      case 0:
        bytes.resize(at);
        break;
      case 1: {
        const size_t size = std::min<size_t>(1 + below(64), bytes.size() - at);
        bytes.replace(at, size, bytes.substr(below(bytes.size() - size), size));
        break;
      }
      case 2:
      case 3: {
        static constexpr uint64_t kNumbers[] = {
            0, 1, 0x7f, 0xff, 0xffff, 0x7fffffff, 0xffffffff, ~uint64_t{0}, uint64_t{1} << 40};
        const uint64_t number = rng.chance(0.3) ? below(bytes.size()) : kNumbers[below(9)];
        std::memcpy(bytes.data() + at, &number, size_t{1} << below(4));
        break;
      }
      default:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
        break;
    }
  }
  return bytes;
}

// Checksums would keep most damage from the code that reads it, so they are held to account only half the
// time.
TEST(Hdf5, TwoThousandDamagedFilesAreReadOrRefused) {
  const char* more = std::getenv("LIMBIC_HDF5_MUTANTS");
  const int num_files = more != nullptr ? std::atoi(more) : 1000;
  const std::string folder = std::filesystem::is_directory("/dev/shm")
                                 ? "/dev/shm"
                                 : std::filesystem::temp_directory_path().string();
  const std::string path = folder + "/limbic-hdf5-" + std::to_string(getpid()) + ".h5";
  for (const char* name : {"earliest", "latest"}) {
    const std::string good = golden(name);
    core::Rng rng(7);
    int num_read = 0, num_refused = 0;
    for (int i = 0; i < num_files; ++i) {
      std::ofstream(path, std::ios::binary) << damaged(good, rng);
      Hdf5Options options;
      options.max_bytes = 64 << 20;
      options.verify_checksums = i % 2 == 0;
      try {
        std::map<std::string, NpyArray> arrays;
        const Hdf5Node root = open_hdf5(path, options);
        // What one damage spoils must not hide the others.
        for (const std::string& child : root.names()) {
          try {
            collect(root.child(child), arrays);
            ++num_read;
          } catch (const Error& error) {
            EXPECT_EQ(error.code(), ErrorCode::kData) << error.what();
            ++num_refused;
          }
        }
        for (const auto& reference : root.child("to").references()) {
          if (reference) reference->is_dataset();
        }
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::kData) << error.what();
        EXPECT_THAT(error.what(), HasSubstr(path));
        ++num_refused;
      }
    }
    EXPECT_GT(num_read, num_files / 10) << name;
    EXPECT_GT(num_refused, num_files / 10) << name;
  }
  std::filesystem::remove(path);
}

TEST(Hdf5, DamagedMatlabFilesAreReadOrRefused) {
  const std::string good = core::read_file("tests/data/golden/amigos/Data_Preprocessed_P02.mat");
  test::TempDir dir;
  const std::string path = dir / "a.mat";
  core::Rng rng(3);
  int num_read = 0, num_refused = 0;
  for (int i = 0; i < 300; ++i) {
    std::ofstream(path, std::ios::binary) << damaged(good, rng);
    try {
      read_mat(path, 64 << 20);
      ++num_read;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kData) << error.what();
      ++num_refused;
    }
  }
  EXPECT_GT(num_read, 30);
  EXPECT_GT(num_refused, 30);
}

}  // namespace
}  // namespace limbic::formats
