//! A real llama.cpp server, where `MC_TEST_LLAMA_URL` names one (services/llm/tests/llama/serve.py starts it).
