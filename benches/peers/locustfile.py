"""The chain as Locust walks it: CHAINS of them in all, by users without a pause."""

import os

import gevent
from locust import FastHttpUser, constant, events, task

AUTHORIZE = (
    "/5a1d0c3e-7777-4a4a-8b8b-000000000001/as/authorize?client_id=bench&response_type=code"
    "&redirect_uri=https%3A%2F%2Fexample.com%2Fcallback&scope=openid&response_mode=pi.flow"
    "&state=AAAAAAAAAAAAAAAAAAAAAA&nonce=AAAAAAAAAAAAAAAAAAAAAA"
    "&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"
)
HEADERS = {
    "accept": "application/json",
    "x-requested-with": "ping-sdk",
    "x-requested-platform": "javascript",
}

chains = int(os.environ["CHAINS"])
done = 0
steps = 0


class Person(FastHttpUser):
    wait_time = constant(0)

    @task
    def chain(self):
        global done, steps
        reply = self.client.get(AUTHORIZE, headers=HEADERS, name="authorize").json()
        steps += 1
        while "_links" in reply:
            token = reply["interactionToken"]
            headers = {
                **HEADERS,
                "interactionid": reply["interactionId"],
                "interactiontoken": token,
            }
            data = {"username": "ada@example.org", "password": "not a secret"}
            body = {
                "id": reply["id"],
                "eventName": "continue",
                "interactionId": reply["interactionId"],
                "parameters": {
                    "eventType": "submit",
                    "data": {"actionKey": "SIGNON", "formData": data},
                },
            }
            href = reply["_links"]["next"]["href"]
            reply = self.client.post(href, json=body, headers=headers, name="answer").json()
            steps += 1
        done += 1
        if done == chains:
            # Not from within: quitting ends this user, too, and would not come to its own end.
            gevent.spawn(self.environment.runner.quit)


@events.quitting.add_listener
def tell(environment, **_):
    print(f"steps {steps}", flush=True)
    environment.process_exit_code = 0
