"""The well-known recipe as it stands: the program itself opens the debugger and waits for it."""

import debugpy

debugpy.listen(("0.0.0.0", 5678))
print("waiting for the debugger on port 5678", flush=True)
debugpy.wait_for_client()

total = 0
for number in range(1, 11):
    total += number
print(f"the total is {total}", flush=True)
