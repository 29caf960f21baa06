"""Any server that speaks OpenAI's protocol: SaaS, vLLM, llama-server. No SDK: one POST, and a stream of events."""
