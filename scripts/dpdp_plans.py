#!/usr/bin/env python3
"""Scores the plans of a recorded DPDP day by a scorer of others: at each decision (every ten minutes) every vehicle has the route that it had in
the recorded log by then (a minute is left for the search), and the scorer's replay (`dpdp.py`: docks, times, last in first out, its checks) drives
it and counts. `rescore_dpdp.py` beside it knows the executed sequences only, and gives each order from its creation to the vehicle that served it.

  dpdp_plans.py SCORERS DATA N RECORD
"""
import collections, datetime, json, re, sys

sys.path.insert(0, sys.argv[1])
import dpdp

ZERO = datetime.datetime(2021, 1, 1, tzinfo=datetime.timezone.utc).timestamp()
SEARCH = 60  # seconds behind a decision in which its plan may still become better


def seconds(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() - ZERO


class AsPlanned(dpdp.Base):
    def __init__(self, day, record):
        super().__init__()
        self.parts = {order.id: dpdp.chunks(order, day.cap) for order in day.orders.values()}
        self.orders, self.plans, self.at, self.routes, self.kept = day.orders, [], 0, {}, 0
        for line in open(record):
            event = json.loads(line).get("event")
            if event and event["type"] == "fleet.plan.proposed.v1":
                routes = [route for group in event["data"]["groups"] for route in group["routes"]]
                self.plans.append((seconds(event["time"]), routes))

    def goods(self, order):
        if order in self.orders:
            return self.orders[order], self.parts[order][0]
        base, part = re.match(r"(.*)-(\d+)$", order).groups()
        return self.orders[base], self.parts[base][int(part) - 1]

    def __call__(self, sim, now):
        while self.at < len(self.plans) and self.plans[self.at][0] <= now + SEARCH:
            for route in self.plans[self.at][1]:
                self.routes[route["vehicle_id"]] = [(visit["order_id"], visit["stop"]) for visit in route["visits"]]
            self.at += 1
        taken = collections.Counter()
        for vehicle in sim.v.values():
            ops, aboard = [], set(vehicle.stack)
            for name, stop in self.routes.get(vehicle.id, []):
                order, goods = self.goods(name)
                state = sim.state[goods[0]]
                if stop == "pickup" and state == 0 and not taken[goods]:
                    ops.append((1, goods, order.p))
                    taken[goods] += 1
                    aboard.update(goods)
                elif stop == "delivery" and state < 3 and goods[0] in aboard:
                    ops.append((-1, goods, order.d))
            self.ops[vehicle.id] = ops
        self.push(sim)


if __name__ == "__main__":
    _, _, data, number, record = sys.argv
    day = dpdp.Instance(data, number)
    try:
        print(json.dumps({"n": number, **dpdp.Replay(day).run(AsPlanned(day, record))}))
    except ValueError as broken:
        print(json.dumps({"n": number, "broken": str(broken)}))
