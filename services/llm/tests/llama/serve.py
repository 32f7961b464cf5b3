"""A real llama.cpp server with a tiny model of random weights: its words are nonsense, its protocol is real.

    python3 -m venv .venv && .venv/bin/pip install -r services/llm/tests/llama/requirements.txt
    .venv/bin/python services/llm/tests/llama/serve.py [--port PORT] [--model FILE]

It writes the model (about 1 MB, the same one every time), serves it on loopback, prints one line to stdout when it is
ready (`READY http://127.0.0.1:PORT/v1`) and stops on SIGTERM, SIGINT, or when its standard input ends.
Point MC_TEST_LLAMA_URL at that address to run services/llm/tests/it/llama.rs against it.
"""

import argparse
import os
import signal
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

import gguf
import numpy
import xllamacpp

NAME = "nonsense"
CONTEXT = 2048
WIDTH, HEADS, LAYERS, FORWARD = 64, 4, 2, 128
WORDS = """the a one two three apple pear tree river stone light dark small large old new red green blue walks sings
counts reads writes opens closes finds loses under over behind before after with without and or but not never always
here there now then slowly quickly quietly every some no more less than as if when while so , . ! ? ; :""".split()


def write_model(path):
    """Writes a Llama of random weights whose tokens are words, with single bytes for everything else."""
    random = numpy.random.default_rng(20261123)
    tokens, scores, kinds = [], [], []

    def token(text, score, kind):
        tokens.append(text.encode())
        scores.append(score)
        kinds.append(kind)

    token("<unk>", 0.0, gguf.TokenType.UNKNOWN)
    token("<s>", 0.0, gguf.TokenType.CONTROL)
    token("</s>", 0.0, gguf.TokenType.CONTROL)
    for byte in range(256):
        token(f"<0x{byte:02X}>", 0.0, gguf.TokenType.BYTE)
    words_from = len(tokens)
    for place, word in enumerate(WORDS):
        token("\u2581" + word, -float(place + 1), gguf.TokenType.NORMAL)
    for byte in range(33, 127):
        token(chr(byte), -1000.0 - byte, gguf.TokenType.NORMAL)
    token("\u2581", -2000.0, gguf.TokenType.NORMAL)

    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name(NAME)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_vocab_size(len(tokens))
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores(scores)
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_chat_template(
        "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}"
        "{% if add_generation_prompt %}assistant:{% endif %}"
    )

    def weights(name, *shape, scale=0.3):
        writer.add_tensor(name, (random.standard_normal(shape) * scale).astype(numpy.float32))

    def ones(name):
        writer.add_tensor(name, numpy.ones(WIDTH, dtype=numpy.float32))

    weights("token_embd.weight", len(tokens), WIDTH)
    ones("output_norm.weight")
    # Only words are ever likely: bytes could make text that is no UTF-8, and the end would come at random.
    output = random.standard_normal((len(tokens), WIDTH)).astype(numpy.float32)
    output[:words_from] = 0.0
    output[words_from + len(WORDS) :] = 0.0
    writer.add_tensor("output.weight", output)
    for layer in range(LAYERS):
        at = f"blk.{layer}."
        ones(at + "attn_norm.weight")
        ones(at + "ffn_norm.weight")
        for one in ("attn_q", "attn_k", "attn_v", "attn_output"):
            weights(f"{at}{one}.weight", WIDTH, WIDTH)
        weights(at + "ffn_gate.weight", FORWARD, WIDTH)
        weights(at + "ffn_up.weight", FORWARD, WIDTH)
        weights(at + "ffn_down.weight", WIDTH, FORWARD)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def serve(path, port):
    """Starts the server and returns it with its address."""
    params = xllamacpp.CommonParams()
    params.model.path = path
    params.model_alias = {NAME}
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.n_ctx = CONTEXT
    params.n_parallel = 2
    params.n_gpu_layers = 0
    params.warmup = False
    params.cpuparams.n_threads = 1
    params.cpuparams_batch.n_threads = 1
    params.use_jinja = True
    server = xllamacpp.Server(params)
    return server, server.listening_address


def wait_until_ready(address):
    """Waits until the server says that it is well."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=2) as reply:
                if reply.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            pass
        time.sleep(0.05)
    sys.exit("the server did not become ready within 60 s")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0, help="port on loopback; a free one when 0")
    parser.add_argument("--model", help="where to write the model; a temporary file when left out")
    arguments = parser.parse_args()

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())

    def stop_with_stdin():
        while sys.stdin.buffer.read(4096):
            pass
        stop.set()

    threading.Thread(target=stop_with_stdin, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        path = arguments.model or os.path.join(folder, "nonsense.gguf")
        write_model(path)
        server, address = serve(path, arguments.port)
        wait_until_ready(address)
        print(f"READY {address}/v1", flush=True)
        stop.wait()
        del server


if __name__ == "__main__":
    main()
