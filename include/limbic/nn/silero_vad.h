#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace torch::nn {
class Module;
}

namespace limbic::nn {

/// What the network carries from one chunk to the next, for B sound streams.
struct SileroVadState {
  at::Tensor context_BS;  ///< (B, context_samples) the last samples of the chunk before; zeros at the start
  at::Tensor hidden_BD;   ///< (B, 128)
  at::Tensor cell_BD;     ///< (B, 128)
};

/// Silero VAD, versions 5 and 6: the probability that a chunk of sound holds speech. A convolution with a
/// windowed Fourier basis gives four spectra of a chunk and the samples before it; their magnitudes go
/// through four convolutions with ReLU to one frame of 128, a recurrent (LSTM) step follows, then ReLU, a
/// linear map and the logistic function. 512-sample chunks and 64 samples of context at 16 kHz, 256 and 32 at
/// 8 kHz. Weights: tools/models get silero_vad.
class SileroVad {
 public:
  virtual ~SileroVad() = default;
  /// Successive chunks of each stream at once: everything but the recurrent step is computed for all
  /// together.
  /// @param chunks_BTS  (B, T, chunk_samples) float32, finite, in [-1, 1]
  /// @param state       of the chunk before the first; becomes that of the last
  /// @return (B, T) probabilities of speech
  virtual at::Tensor forward(const at::Tensor& chunks_BTS, SileroVadState& state) = 0;
  /// For the start of `num_streams` recordings, where the weights are.
  virtual SileroVadState initial_state(int64_t num_streams) const = 0;

  virtual int64_t sample_rate_hz() const = 0;   ///< 16000 or 8000
  virtual int64_t chunk_samples() const = 0;    ///< 512 or 256: 32 ms
  virtual int64_t context_samples() const = 0;  ///< 64 or 32
  virtual std::shared_ptr<torch::nn::Module> as_module() = 0;
};

/// Reads the published ONNX file; only its tensors are used. The module is in eval mode and on the CPU.
/// @param sample_rate_hz  16000 or 8000
/// @throws Error(kModel) not such a file, Error(kConfig) another rate
std::shared_ptr<SileroVad> build_silero_vad(const std::string& path, int64_t sample_rate_hz = 16000);

/// One recording in pieces of any length; memory does not grow with it. Cuts differ in nothing but the
/// rounding of batched convolutions (1e-6). One thread an object; streams may share a model that nobody
/// trains.
class SileroVadStream {
 public:
  explicit SileroVadStream(std::shared_ptr<SileroVad> model);
  /// Appends the probability of every chunk that became whole: chunk i covers samples [i, i + 1) *
  /// chunk_samples. NaN and infinite samples count as silence, or they would spoil all that follows.
  void accept(const float* samples, int64_t num_samples, std::vector<double>& probabilities);
  /// The last, incomplete chunk (if any) filled up with zeros; then the stream is at the start of another
  /// recording.
  void finish(std::vector<double>& probabilities);

 private:
  void run(std::vector<double>& probabilities);

  std::shared_ptr<SileroVad> model_;
  SileroVadState state_;
  std::vector<float> pending_;  ///< samples not yet seen by the network
};

}  // namespace limbic::nn
