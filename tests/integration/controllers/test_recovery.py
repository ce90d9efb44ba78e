"""What the processes do when the API server goes away for a while."""

from api.errors import AlreadyExists, InternalError, ServiceUnavailable
from api.types import Pod
from tests.support.control_plane import anew, eventually, pretended_kubelets
from tests.support.objects import deployment


async def test_work_goes_on_after_the_api_server_comes_back(apiserver, controllers, scheduler, client):
    async with pretended_kubelets(client, "a"):
        await client.create(anew(deployment("before", replicas=2)))

        async def running(count):
            return sum(each.status.phase == "Running" for each in (await client.list(Pod, "default")).items) == count

        await eventually("two pods", lambda: running(2))
        apiserver.kill()
        apiserver.start()

        async def created():
            try:
                return await client.create(anew(deployment("after", replicas=2)))
            except AlreadyExists:
                return True  # it went through before the old connection's end was noticed
            except (InternalError, ServiceUnavailable):
                return None  # the old connection's end was noticed only now

        await eventually("a write goes through", created)
        await eventually("four pods", lambda: running(4))

    status, text = controllers.page("/metrics")
    assert status == 200
    assert 'workqueue_work_duration_seconds_count{name="deployment"}' in text
    assert controllers.resident_kib < 80 * 1024
    assert (controllers.stop(), scheduler.stop()) == (0, 0)
