-- One step of the chain, over and over.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"id":"f0login0001","eventName":"continue"}'
